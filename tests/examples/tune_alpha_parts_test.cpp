// The parts of the training example: files and states that it rejects, its folds, its statistics and its conclusions.
#include "files.hpp"
#include "report.hpp"
#include "state.hpp"
#include "statistics.hpp"
#include "tune_alpha_case.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tune {

using namespace rectify::harness;
namespace {

template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// With a checksum that is right, whatever else is wrong.
void forge(const std::string& file, const std::string& header, const std::string& bits = "") {
  std::string all = header + "\n" + bits;
  const auto crc = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const unsigned char*>(all.data()), all.size()));
  write_file(file, all.append(reinterpret_cast<const char*>(&crc), sizeof crc));
}

TEST(TuneAlphaState, RejectsDamage) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_damaged";
  State state;
  state.bits = "some bits";
  save(file, state);
  EXPECT_EQ(load_state(file).bits, "some bits");
  const std::string all = contents(file);
  std::string flipped = all;
  flipped[all.size() / 2] ^= 1;
  const std::string damaged[] = {"", "x", "\n", "tune_alpha state 2\n", all.substr(0, all.size() - 1), all + "x", flipped};
  for (const std::string& bytes : damaged) {
    write_file(file, bytes);
    EXPECT_EQ(error_of([&] { load_state(file); }).find("it is "), 0u) << error_of([&] { load_state(file); });
  }
  std::remove(file.c_str());
}

TEST(TuneAlphaState, ComparesTheWholeVersion) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_version";
  for (const char* const version : {"tune_alpha state 22", "tune_alpha state 2x", "tune_alpha state 1"}) {
    State state;
    state.version = version;
    save(file, state);
    EXPECT_EQ(error_of([&] { load_state(file); }), "it was saved by another version of tune_alpha");
  }
  std::remove(file.c_str());
}

TEST(TuneAlphaState, RejectsForgedHeaders) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_forged";
  const std::string good =
      R"({"version":"tune_alpha state 2","arguments":[],"data_checksum":0,"libraries":"","seconds":0,"steps_done":0})";
  forge(file, good);
  EXPECT_EQ(error_of([&] { load_state(file); }), "none");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& header :
       {changed("[]", "7"), changed("[]", R"(["text"])"), changed("\"seconds\":0,", ""),
        changed("\"libraries\":\"\"", "\"libraries\":[]"), std::string(100000, '[') + "tune_alpha state 2",
        changed("\"seconds\":0", "\"seconds\":1e999")}) {
    forge(file, header);
    EXPECT_NE(error_of([&] { load_state(file); }), "none") << header.substr(0, 200);
  }
  std::remove(file.c_str());
}

TEST(TuneAlphaState, RejectsBitsThatDoNotMatchTheSettings) {
  const Settings s = small_settings();
  const Dataset data = small_data();
  Training training(cpu_machine(), s, data, variants(s)[0]);
  std::string bits;
  training.save(bits);
  const auto error = [&](std::int64_t steps, const std::string& from) {
    return error_of([&] {
      std::string_view view = from;
      training.restore(steps, view);
    });
  };
  EXPECT_EQ(error(0, bits), "none");
  EXPECT_EQ(error(0, bits.substr(1)), "its size does not match its settings");
  EXPECT_EQ(error(14, bits), "its size does not match its settings");
  for (const std::int64_t steps : {std::int64_t{-1}, std::int64_t{15}, std::numeric_limits<std::int64_t>::max()})
    EXPECT_EQ(error(steps, bits), "its number of steps is impossible");
}

TEST(TuneAlphaSettings, RejectsTensorsThatAreTooLarge) {
  Settings s = small_settings();
  s.hidden = {4096, 4096};
  s.folds = s.seeds = 100;
  s.batch = 1;
  EXPECT_NE(error_of([&] { Training(cpu_machine(), s, small_data(), variants(s)[0]); }).find("too large"), std::string::npos);
}

TEST(TuneAlphaFiles, AFailedWriteLeavesTheOldFile) {
  EXPECT_EQ(error_of([] { write_file("/dev/full", "x"); }), "/dev/full: cannot be written: No space left on device");
  EXPECT_NE(error_of([] { write_file("/nowhere/at/all", "x"); }).find("cannot be written: No such file"), std::string::npos);
  EXPECT_NE(error_of([] { require_writable("/nowhere/at/all"); }).find("cannot be written: No such file"), std::string::npos);
  EXPECT_NE(error_of([] { require_writable(testing::TempDir()); }).find("cannot be written: Is a directory"),
            std::string::npos);
}

TEST(TuneAlphaFiles, WritersOfOneFileDoNotDisturbEachOther) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_shared";
  std::vector<std::string> errors(4);
  std::vector<std::thread> writers;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    writers.emplace_back([&, i] {
      const std::string text(100000 + i, static_cast<char>('a' + i));
      for (int k = 0; k < 50 && errors[i].empty(); ++k) {
        const std::string error = error_of([&] { write_file(file, text); });
        if (error != "none") errors[i] = error;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  const std::string left = contents(file);
  EXPECT_EQ(left, std::string(100000 + static_cast<std::size_t>(left.at(0) - 'a'), left.at(0)));
  std::remove(file.c_str());
}

TEST(TuneAlphaFolds, RejectsImagesThatDoNotFillABatch) {
  Settings s = small_settings();
  s.batch = 1000;
  EXPECT_NE(error_of([&] { Order(s, 100, 0); }).find("do not fill one batch of 1000"), std::string::npos);
}

TEST(TuneAlphaFolds, EveryImageIsInOneFoldAndInNoBatchOfIt) {
  const Settings s = small_settings();
  const Order trained(s, 100, 1), held_out(s, 100, -1);
  for (int run = 0; run < s.folds * s.seeds; ++run) {
    std::vector<int> seen(100);
    const auto count = [&](const Order& order, int weight) {
      for (std::int64_t i = run * order.steps * s.batch; i < (run + 1) * order.steps * s.batch; ++i)
        if (order.images[static_cast<std::size_t>(i)] >= 0)
          seen[static_cast<std::size_t>(order.images[static_cast<std::size_t>(i)])] += weight;
    };
    count(trained, 1);
    count(held_out, 100);
    const auto in_fold = std::count(seen.begin(), seen.end(), 100);
    EXPECT_TRUE(in_fold == 33 || in_fold == 34);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 63);  // 66 or 67 outside the fold, in batches of 9
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 100 - 63 - in_fold);
  }
}

TEST(TuneAlphaStatistics, StudentsDistributionIsThatOfTheTables) {
  EXPECT_NEAR(student_p(12.7062, 1), 0.05, 1e-6);
  EXPECT_NEAR(student_p(4.30265, 2), 0.05, 1e-6);
  EXPECT_NEAR(student_p(2.77645, 4), 0.05, 1e-6);
  EXPECT_NEAR(student_p(-2.04523, 29), 0.05, 1e-6);
  EXPECT_NEAR(student_p(3.24984, 9), 0.01, 1e-6);
  EXPECT_DOUBLE_EQ(student_p(0, 7), 1);
  EXPECT_EQ(student_p(std::numeric_limits<double>::infinity(), 7), 0);
}

TEST(TuneAlphaStatistics, ThePairedTestIsThatOfAnExampleByHand) {
  // Differences 1, 2, 3: mean 2, deviation 1; t = 2 / sqrt(1/3), or with folds of half the training set 2 / sqrt(1/3 + 1/2).
  const PairedTest plain = paired_test({2, 4, 6}, {1, 2, 3}, 0), corrected = paired_test({2, 4, 6}, {1, 2, 3}, 0.5);
  EXPECT_DOUBLE_EQ(plain.difference, 2);
  EXPECT_NEAR(plain.t, 3.4641016, 1e-6);
  EXPECT_NEAR(plain.p, 0.0741799, 1e-6);
  EXPECT_NEAR(corrected.t, 2.1908902, 1e-6);
  EXPECT_GT(corrected.p, plain.p);
  EXPECT_EQ(paired_test({1, 2}, {1, 2}, 0.5).p, 1);
  EXPECT_EQ(paired_test({1}, {3}, 0.5).p, 1);
  EXPECT_DOUBLE_EQ(standard_deviation({1, 2, 3, 4}), std::sqrt(5.0 / 3));
  EXPECT_EQ(standard_deviation({3}), 0);
}

/// Of three alphas in six runs, where those of `diverged` diverged.
Report report_of(const std::vector<bool>& diverged) {
  Report report;
  report.networks = 18;
  report.complete = true;
  report.baseline = "0";
  report.significance = 0.025;
  for (std::size_t i = 0; i < diverged.size(); ++i) {
    Row row;
    row.name = std::to_string(i);
    row.accuracies = row.losses = std::vector<double>(6, 0.5);
    row.accuracy_mean = 0.5 + static_cast<double>(i) / 10;
    row.diverged_runs = diverged[i] ? 6 : 0;
    report.rows.push_back(row);
  }
  return report;
}

TEST(TuneAlphaConclusion, NamesNoBestIfAllNetworksDiverged) {
  const std::vector<std::string> words = conclusion(report_of({true, true, true}));
  ASSERT_EQ(words.size(), 1u);
  EXPECT_EQ(words[0], "All networks diverged, so no alpha can be called the best. Try a lower --rate.");
}

TEST(TuneAlphaConclusion, ComparesNothingWithABaselineThatDiverged) {
  const std::vector<std::string> words = conclusion(report_of({true, false, false}));
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0], "Best on average: 2, with 70.00 %.");
  EXPECT_EQ(words[1], "Diverged in some run, so not compared: 0. Try a lower --rate.");
}

TEST(TuneAlphaConclusion, NamesDifferencesBeyondNoise) {
  Report report = report_of({false, false, false});
  report.rows[1].p = 0.001;
  report.rows[1].difference = -0.02;
  const std::vector<std::string> words = conclusion(report);
  EXPECT_EQ(words[1], "Worse than 0 beyond noise: 1 (-2.00 points).");
  EXPECT_EQ(words[2], "Every other difference from 0 may be noise, including that of the best.");
}

}  // namespace
}  // namespace tune
