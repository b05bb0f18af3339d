// rectify-bench: times ops for several sizes and dtypes, on the GPU if there is one. Every result is checked against the
// reference before it is timed. Exit status: 0; 1 if a result was wrong or the run failed; 2 for an invalid command line; 130
// if Ctrl-C ended the run early. The call path is: options.cpp (cases_of), cases.cpp (run), workload.cpp (an op and its
// operands), report.cpp (rows).
#include "options.hpp"
#include "report.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

namespace {

using namespace rectify;

volatile std::sig_atomic_t interrupted = 0;

std::string progress(const bench::Report& report) {
  const bench::Case& c = report.cases[report.rows.size()];
  return std::to_string(report.rows.size() + 1) + "/" + std::to_string(report.cases.size()) + " " + c.op.name + " " +
         bench::name(c.dtype) + " " + bench::human_bytes(c.tensor_bytes());
}

/// Ctrl-C ends the run after the current case; the results so far are still reported.
int run(const bench::Options& o, const std::string& command) {
  bench::Report report{bench::device_of(o), "", command, bench::against(o), bench::cases_of(o), {}};
  report.device_name = harness::tools(report.device).name();
  std::signal(SIGINT, [](int) { interrupted = 1; });
  bench::print_header(report);
  bool right = true;
  for (const bench::Case& c : report.cases) {
    if (interrupted != 0) break;
    bench::print_progress(progress(report));
    report.rows.push_back(bench::run(c));
    bench::print_progress("");
    bench::print_row(c, report.rows.back());
    right = right && report.rows.back().equals_reference();
  }
  if (interrupted != 0) std::fprintf(stderr, "interrupted after %zu of %zu cases\n", report.rows.size(), report.cases.size());
  if (!o.json.empty()) bench::write_json(report, o.json);
  return right ? interrupted != 0 ? 130 : 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  const int status = bench::parse(argc, argv, options);
  if (status >= 0) return status;
  std::string command = "rectify-bench";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  try {
    return run(options, command);
  } catch (const InvalidArgument& error) {
    bench::print_progress("");
    std::fprintf(stderr, "rectify-bench: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    bench::print_progress("");
    std::fprintf(stderr, "rectify-bench: %s\n", error.what());
    return 1;
  }
}
