// rectify-bench: forward and backward over sizes and dtypes, on the GPU where there is one. Every result is checked against the
// reference before it is timed. Exit status: 0, 1 where a result was wrong, 2 for a command line that makes no sense,
// 130 where Ctrl-C ended the run early.
#include "cases.hpp"
#include "report.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>

namespace {

using namespace rectify;

volatile std::sig_atomic_t interrupted = 0;

struct Options {
  std::vector<std::string> ops{"all"}, dtypes{"all"};
  std::string device = "auto", json;
  std::uint64_t min_bytes = 64 << 10, max_bytes = 256 << 20;
  int factor = 4, repetitions = 15;
  Relu relu = presets::torch::leaky_relu();
  bool is_short = false;
};

/// Parses the command line; the exit status where there is nothing left to do, else -1.
int parse(int argc, char** argv, Options& o) {
  CLI::App app{"Times rectify beside a plain copy of the same bytes, after checking every result against the reference."};
  std::vector<std::string> op_names{"all"};
  for (const bench::Op& op : bench::ops()) op_names.push_back(op.name);
  app.add_option("--op", o.ops, "What to run")->delimiter(',')->check(CLI::IsMember(op_names))->capture_default_str();
  app.add_option("--dtype", o.dtypes, "In which types")
      ->delimiter(',')
      ->check(CLI::IsMember({"f16", "bf16", "f32", "f64", "all"}))
      ->capture_default_str();
  app.add_option("--device", o.device, "auto: cuda where there is a GPU")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--min-bytes", o.min_bytes, "Smallest tensor (64K, 16M, 1G)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{8}, std::uint64_t{1} << 40));
  app.add_option("--max-bytes", o.max_bytes, "Largest tensor")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{8}, std::uint64_t{1} << 40));
  app.add_option("--factor", o.factor, "From one size to the next")->check(CLI::Range(2, 1 << 20))->capture_default_str();
  app.add_option("--repetitions", o.repetitions, "Samples of which the median is told")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--alpha", o.relu.alpha, "Slope below the threshold")->capture_default_str();
  app.add_option("--threshold", o.relu.threshold, "Where below ends")->capture_default_str();
  app.add_option("--max-value", o.relu.max_value, "Cap of the positive side; none by default");
  app.add_option("--json", o.json, "Write the figures to this file too");
  app.add_flag("--short", o.is_short, "One size in the caches and one beyond, in f32 and bf16");
  try {
    app.parse(argc, argv);
    if (o.min_bytes > o.max_bytes) throw CLI::ValidationError("--min-bytes", "is larger than --max-bytes");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (o.is_short) {
    o.dtypes = {"f32", "bf16"};
    o.min_bytes = 1 << 20;
    o.max_bytes = o.min_bytes * (o.factor = 256);
  }
  return -1;
}

bool chosen(const std::vector<std::string>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) { return item == "all" || item == name; });
}

std::vector<bench::Case> cases_of(const Options& o, Device device) {
  std::vector<bench::Case> cases;
  for (const bench::Op& op : bench::ops()) {
    for (DType dtype : {DType::f32, DType::bf16, DType::f16, DType::f64}) {
      if (!chosen(o.ops, op.name) || !chosen(o.dtypes, bench::name(dtype))) continue;
      for (std::uint64_t bytes = o.min_bytes; bytes <= o.max_bytes; bytes *= static_cast<std::uint64_t>(o.factor)) {
        const auto elements = static_cast<std::int64_t>(bytes) / (bits_per_element(dtype) / 8);
        cases.push_back({op, o.relu, dtype, elements, device, o.repetitions});
      }
    }
  }
  return cases;
}

Device device_of(const std::string& name) {
  if (name == "auto") return harness::best_device();
  return name == "cpu" ? Device::cpu() : Device::cuda(0);
}

/// Ctrl-C ends the run after the case at hand; what is done is still told.
int run(const Options& o, const std::string& command) {
  bench::Report report{device_of(o.device), "", command, {}, {}};
  report.cases = cases_of(o, report.device);
  report.device_name = harness::tools(report.device).name();
  std::signal(SIGINT, [](int) { interrupted = 1; });
  bench::print_header(report);
  bool right = true;
  for (const bench::Case& c : report.cases) {
    if (interrupted != 0) break;
    const std::string tensor = bench::human_bytes(c.elements * (bits_per_element(c.dtype) / 8));
    bench::print_progress(std::to_string(report.rows.size() + 1) + "/" + std::to_string(report.cases.size()) + " " + c.op.name +
                          " " + bench::name(c.dtype) + " " + tensor);
    report.rows.push_back(bench::run(c));
    bench::print_progress("");
    bench::print_row(c, report.rows.back());
    right = right && report.rows.back().equals_reference;
  }
  if (interrupted != 0) std::fprintf(stderr, "interrupted after %zu of %zu cases\n", report.rows.size(), report.cases.size());
  if (!o.json.empty()) bench::write_json(report, o.json);
  return right ? interrupted != 0 ? 130 : 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const int status = parse(argc, argv, options);
  if (status >= 0) return status;
  std::string command = "rectify-bench";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  try {
    return run(options, command);
  } catch (const InvalidArgument& error) {
    std::fprintf(stderr, "rectify-bench: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    bench::print_progress("");
    std::fprintf(stderr, "rectify-bench: %s\n", error.what());
    return 1;
  }
}
