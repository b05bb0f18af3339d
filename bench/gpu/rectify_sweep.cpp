// rectify-sweep: times variants of the elementwise kernels beside the library's own, in turns on the same buffers, as peers
// of rectify-bench are timed. Every variant is checked bit by bit on a small tensor first. Exit status: 0; 1 if a result was
// wrong or a case failed; 2 for an invalid command line; 77 without a GPU; 128 + the signal that ended it early.
#include "gpu/sweep.hpp"

#include "files.hpp"
#include "harness.hpp"
#include "process.hpp"
#include "report.hpp"

#include <rectify/presets.hpp>
#include <rectify/rectify.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

using namespace rectify;

class VariantPeer : public bench::Peer {
 public:
  explicit VariantPeer(bench::Variant variant) : variant_(std::move(variant)) {}
  std::string name() const override { return variant_.name; }
  std::string version() const override { return ""; }
  bench::PeerCalls prepare(const std::vector<bench::Workload>& sets) override {
    bench::PeerCalls calls{"detail::process_items", {}};
    for (const bench::Workload& work : sets) calls.of_set.push_back(variant_.call_of(work));
    return calls;
  }

 private:
  bench::Variant variant_;
};

bench::Case case_of(const char* op, DType dtype, std::int64_t bytes) {
  const std::int64_t whole = std::max(bytes / bench::swept_block_bytes, std::int64_t{1}) * bench::swept_block_bytes;
  return {bench::op_called(op),
          presets::torch::leaky_relu(),
          dtype,
          whole / (bits_per_element(dtype) / 8),
          Device::cuda(0),
          {},
          true,
          false};
}

bench::Result sweep(const char* op, DType dtype, std::int64_t bytes, bench::Settings settings) {
  const bench::Case small = case_of(op, dtype, 1 << 20), large = case_of(op, dtype, bytes);
  const bench::Workload checked(small.op, small.relu, dtype, small.elements, bench::Memory::of(small.device), small.placement);
  const bench::Workload block = checked.solved_block();
  std::vector<bench::Contestant> variants;
  std::vector<bench::Row> failed;
  for (bench::Variant& each : dtype == DType::f32 ? bench::variants_f32(op) : bench::variants_bf16(op)) {
    checked.prepare(block);
    harness::stopwatch(small.device, each.call_of(checked), false)();
    const std::string difference = checked.difference(block);
    if (difference.empty()) {
      variants.push_back({each.name, std::make_unique<VariantPeer>(std::move(each)), ""});
    } else {
      failed.push_back(bench::Row::without_time(each.name, "failed", "differs from the reference: " + difference));
    }
  }
  settings.is_checked = false;  // large outputs of so many variants would take minutes to compare
  bench::Result result = bench::measure(large, settings, variants);
  for (bench::Row& row : result.rows) row.is_checked = !row.is_ceiling && row.who != "rectify";
  result.rows.insert(result.rows.end(), failed.begin(), failed.end());
  return result;
}

int run(std::int64_t bytes, const std::string& file, const std::string& command) {
  bench::Report report;
  report.machine = bench::machine_of(Device::cuda(0));
  report.command = command;
  report.date = bench::utc_now();
  report.rules.samples = report.rules.most_samples = 9;
  report.cold_bytes = report.machine.cold_bytes();
  report.cases = 2 * std::size(bench::swept_ops);
  harness::require_writable(file);
  harness::watch_signals();
  const bench::Settings settings{report.rules, false, true, report.cold_bytes, [] { return harness::ending_signal() != 0; }};
  bool failed = false;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const char* const op : bench::swept_ops) {
      if (settings.ended()) break;
      report.results.push_back(sweep(op, dtype, bytes, settings));
      const std::vector<bench::Row>& rows = report.results.back().rows;
      failed = failed || std::any_of(rows.begin(), rows.end(), [](const bench::Row& row) { return row.outcome == "failed"; });
      report.is_complete = report.results.size() == report.cases && !settings.ended();
      harness::write_file(file, bench::text_of(bench::record_json(report), 1) + "\n");
    }
  }
  std::printf("%zu of %zu cases: %s\n", report.results.size(), report.cases, file.c_str());
  return failed ? 1 : settings.ended() ? 128 + harness::ending_signal() : 0;
}

}  // namespace

int main(int argc, char** argv) {
  harness::begin_program(argv);
  const long mebibytes = argc == 3 ? std::strtol(argv[1], nullptr, 10) : 0;
  if (mebibytes < 1 || mebibytes > 8192)
    return harness::report_failure("rectify-sweep", "usage: rectify-sweep MIB RECORD.json", 2);
  if (!cuda_available()) return harness::report_failure("rectify-sweep", "no GPU", 77);
  int status = 1;
  try {
    status = run(std::int64_t{mebibytes} << 20, argv[2], std::string("rectify-sweep ") + argv[1] + " " + argv[2]);
  } catch (const std::exception& error) {
    status = harness::report_failure("rectify-sweep", error.what(), 1);
  }
  return harness::status_after_printing("rectify-sweep", status);
}
