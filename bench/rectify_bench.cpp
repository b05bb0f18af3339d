// rectify-bench: times ops for several sizes and dtypes, on the GPU if there is one. Every result is checked against the
// reference before it is timed. Exit status: 0; 1 if a result was wrong or the run failed; 2 for an invalid command line; 128 +
// the number of the signal that ended the run early, 130 for Ctrl-C. The call path is: options.cpp (cases_of), cases.cpp (run),
// workload.cpp (an op and its operands), report.cpp (rows).
#include "files.hpp"
#include "options.hpp"
#include "process.hpp"
#include "report.hpp"

#include <cstdio>
#include <exception>

namespace {

using namespace rectify;

std::string progress(const bench::Report& report) {
  const bench::Case& c = report.cases[report.rows.size()];
  return std::to_string(report.rows.size() + 1) + "/" + std::to_string(report.cases.size()) + " " + c.op.name + " " +
         bench::name(c.dtype) + " " + bench::human_bytes(c.tensor_bytes());
}

/// A signal such as Ctrl-C ends the run after the current case; the results so far are still reported.
int run(const bench::Options& o, const std::string& command) {
  bench::Report report{bench::device_of(o), "", command, bench::against(o), bench::cases_of(o), {}};
  report.device_name = harness::tools(report.device).name();
  if (!o.json.empty()) harness::require_writable(o.json);
  harness::watch_signals();
  bench::print_header(report);
  bool right = true;
  for (const bench::Case& c : report.cases) {
    if (harness::ending_signal() != 0) break;
    bench::print_progress(progress(report));
    report.rows.push_back(bench::run(c));
    bench::print_progress("");
    bench::print_row(c, report.rows.back());
    right = right && report.rows.back().equals_reference();
  }
  const int signal = harness::ending_signal();
  if (!o.json.empty()) bench::write_json(report, o.json);
  if (signal != 0) std::fprintf(stderr, "interrupted after %zu of %zu cases\n", report.rows.size(), report.cases.size());
  return !right ? 1 : signal != 0 ? 128 + signal : 0;
}

}  // namespace

int main(int argc, char** argv) {
  harness::begin_program(argv);
  bench::Options options;
  int status = bench::parse(argc, argv, options);
  std::string command = "rectify-bench";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  try {
    if (status < 0) status = run(options, command);
  } catch (const std::exception& error) {
    bench::print_progress("");
    const bool is_invalid = dynamic_cast<const InvalidArgument*>(&error) != nullptr;
    status = harness::report_failure("rectify-bench", error.what(), is_invalid ? 2 : 1);
  }
  return harness::status_after_printing("rectify-bench", status);
}
