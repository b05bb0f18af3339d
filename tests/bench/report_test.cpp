// What rectify-bench prints and writes of results that are given: faults, noise, failures and peers.
#include "report.hpp"

#include "ceiling.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace rectify::bench {
namespace {

Case a_case() {
  return {op_called("forward"), presets::torch::leaky_relu(), DType::f32, 65672, Device::cpu(), {}, true, false};
}

Row row_of(const std::string& who, std::vector<double> seconds, bool is_ceiling = false) {
  Row row;
  row.who = who;
  row.is_ceiling = is_ceiling;
  row.is_checked = !is_ceiling;
  row.samples = harness::Samples(std::move(seconds), 1, 0);
  return row;
}

Report report_of(std::vector<Row> rows) {
  Report report;
  report.cases = 1;
  report.is_complete = true;
  report.results.push_back({a_case(), std::move(rows), 1});
  return report;
}

std::string printed(const Report& report) {
  testing::internal::CaptureStdout();
  std::string setting;
  for (const Result& result : report.results) print_result(result, setting, false);
  print_summary(report);
  return testing::internal::GetCapturedStdout();
}

/// With comments that were broken put together again.
std::string joined(std::string text) {
  for (std::size_t at; (at = text.find("\n#   ")) != std::string::npos;) text.replace(at, 5, " ");
  return text;
}

TEST(BenchReport, TheCeilingIsTheFastestMover) {
  const Report report =
      report_of({row_of("rectify", {2}), row_of("plain copy", {3}, true), row_of("streaming copy", {1.5}, true)});
  const Result& result = report.results[0];
  EXPECT_EQ(result.ceiling()->who, "streaming copy");
  EXPECT_DOUBLE_EQ(result.of_ceiling(result.rows[0]), 0.75);
  EXPECT_EQ(rows_json(result)[0]["of_ceiling"], 0.75);
  EXPECT_EQ(rows_json(result)[0]["ceiling"], "streaming copy");
  EXPECT_EQ(rows_json(result)[0]["fault"], false);
}

TEST(BenchReport, AFigureAboveTheCeilingIsToldAsAFault) {
  const Report fair = report_of({row_of("rectify", {1}), row_of("plain copy", {1.02}, true)});
  EXPECT_EQ(printed(fair).find("fault"), std::string::npos);
  const Report unfair = report_of({row_of("rectify", {1}), row_of("plain copy", {1.2}, true)});
  const std::string text = printed(unfair);
  EXPECT_NE(text.find("120%!"), std::string::npos) << text;
  EXPECT_NE(text.find("1 figures are above 103% of the ceiling"), std::string::npos) << text;
  EXPECT_EQ(rows_json(unfair.results[0])[0]["fault"], true);
}

TEST(BenchReport, NoiseIsMarkedAndTold) {
  const std::string calm = printed(report_of({row_of("rectify", {1, 1.01, 1.02}), row_of("plain copy", {1}, true)}));
  EXPECT_EQ(calm.find('~'), std::string::npos) << calm;
  const std::string noisy = printed(report_of({row_of("rectify", {1, 1.01, 16}), row_of("plain copy", {1}, true)}));
  EXPECT_NE(noisy.find('~'), std::string::npos) << noisy;
  EXPECT_NE(noisy.find("1 of 1 rows (~)"), std::string::npos) << noisy;
}

TEST(BenchReport, APeerHasItsRatioAndAnAbsentOneItsReason) {
  Row absent;
  absent.who = "oneDNN";
  absent.outcome = "absent";
  absent.why = "has no f64";
  const Report report = report_of({row_of("rectify", {2}), row_of("PyTorch", {3}), row_of("plain copy", {1}, true), absent});
  const std::string text = printed(report);
  EXPECT_NE(text.find("PyTorch 1.50 x"), std::string::npos) << text;
  EXPECT_NE(text.find("oneDNN: has no f64"), std::string::npos) << text;
  EXPECT_EQ(rows_json(report.results[0])[1]["vs_rectify"], 1.5);
  EXPECT_EQ(rows_json(report.results[0])[3]["absent"], "has no f64");
}

TEST(BenchReport, AFailureIsToldWithItsReason) {
  Row failed;
  failed.who = "rectify";
  failed.outcome = "failed";
  failed.why = "differs from the reference: forward: y at element 17";
  const Report report = report_of({failed});
  EXPECT_TRUE(report.results[0].failed());
  const std::string text = printed(report);
  EXPECT_NE(joined(text).find("y at element 17"), std::string::npos) << text;
  EXPECT_NE(text.find("1 rows failed"), std::string::npos) << text;
}

TEST(BenchReport, NoLineIsWiderThan79Columns) {
  Report report =
      report_of({row_of("rectify", {1234.5, 2000, 9999}), row_of("PyTorch", {3234.5}), row_of("plain copy", {1}, true)});
  report.results[0].of.relu = {-1.2345678901234567, 1e-300, 1e30};
  report.results[0].of.placement = {true, 4096};
  report.skipped.push_back(
      {std::string(60, 'a'), "is not measured in place, which is a reason of many words that go on and on"});
  std::istringstream lines(printed(report));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 79u) << line;
}

TEST(BenchReport, BytesThatAreNotUtf8AreReplacedInARecord) {
  Report report = report_of({row_of("rectify", {1})});
  report.command = "rectify-bench --json caf\xe9.json";
  const std::string text = text_of(record_json(report), 1);
  EXPECT_NE(text.find("caf\xef\xbf\xbd.json"), std::string::npos) << text;
}

TEST(BenchReport, CsvQuotesWhatHasCommas) {
  const std::string csv = csv_of(report_of({row_of("rectify", {1})}));
  EXPECT_EQ(csv.find("op,dtype,shape,"), 0u);
  Report rows = report_of({row_of("rectify", {1})});
  rows.results[0].of.op = op_called("bias_forward");
  rows.results[0].of.elements = 2048;
  EXPECT_NE(csv_of(rows).find("\"[2, 1024]\""), std::string::npos);
}

}  // namespace
}  // namespace rectify::bench
