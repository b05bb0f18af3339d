// rectify-bench: checks and times ops on a CPU or a GPU, beside peers and the ceiling. The call path is: options.cpp (the command
// line), cases.cpp (the cases that it asks for), measure.cpp (a case: buffers, checks, turns), report.cpp and record.cpp (what is
// printed and written). compare.cpp compares two records. --help tells the exit statuses.
#include "compare.hpp"
#include "files.hpp"
#include "options.hpp"
#include "process.hpp"
#include "report.hpp"
#include "text.hpp"

#include <chrono>
#include <cstdio>
#include <exception>

namespace {

using namespace rectify;

std::string progress(const bench::Report& report, const bench::Case& c) {
  return std::to_string(report.results.size() + 1) + "/" + std::to_string(report.cases) + " " + c.op.name + " " +
         bench::name(c.dtype) + " " + bench::short_bytes(c.tensor_bytes());
}

/// Peers that cannot take part stay in the list, with the reason.
std::vector<bench::Contestant> contestants(const std::vector<std::string>& names, Device device, bench::Report& report) {
  std::vector<bench::Contestant> all;
  for (const std::string& name : names) {
    bench::Contestant one{name, nullptr, ""};
    try {
      one.peer = bench::make_peer(name, device);
      report.peers[one.peer->name()] = one.peer->version();
    } catch (const bench::Absent& error) {
      one.absent = error.what();
    }
    all.push_back(std::move(one));
  }
  return all;
}

void write_files(const bench::Options& o, const bench::Report& report) {
  if (!o.json.empty()) harness::write_file(o.json, bench::text_of(bench::record_json(report), 1) + "\n");
  if (!o.csv.empty()) harness::write_file(o.csv, bench::csv_of(report));
  if (!o.md.empty()) harness::write_file(o.md, bench::markdown_of(report));
}

/// Makes a case smaller until its tensors fit into three quarters of the free memory, and notes that.
void reduce_to_memory(bench::Case& c, std::int64_t cold_bytes) {
  const auto spare = static_cast<std::int64_t>(harness::tools(c.device).free_bytes() / 4 * 3);
  const std::int64_t asked = c.tensor_bytes(), unit = c.op.layout.unit_elements();
  while (bench::needed_bytes(c, cold_bytes) > spare && c.elements / unit > 1)
    c.elements = std::max(c.elements / unit / 2, std::int64_t{1}) * unit;
  if (c.tensor_bytes() != asked)
    c.reduced = "reduced from " + bench::human_bytes(asked) + " to " + bench::human_bytes(c.tensor_bytes()) + ", because " +
                bench::human_bytes(spare) + " of memory can be used";
}

/// A signal ends the run after the current samples; what was measured is written and printed.
int run(const bench::Options& o, const std::string& command) {
  using Clock = std::chrono::steady_clock;
  const Device device = bench::device_of(o);
  if (o.graph && device.kind == Device::Kind::cpu) throw InvalidArgument("--graph: the CPU has no graphs");
  bench::use_threads(o.threads);
  bench::Report report;
  report.machine = bench::machine_of(device);
  report.command = command;
  report.date = bench::utc_now();
  report.rules = o.rules;
  report.cold_bytes = report.machine.cold_bytes();
  bench::Cases cases = bench::cases_of(o, device);
  report.cases = cases.all.size();
  report.skipped = cases.skipped;
  for (const std::string& file : {o.json, o.csv, o.md}) {
    if (!file.empty()) harness::require_writable(file);
  }
  const std::vector<bench::Contestant> peers = contestants(o.baselines, device, report);
  harness::watch_signals();
  bench::Settings settings{o.rules, !o.no_check, o.command == bench::Command::run, report.cold_bytes,
                           [] { return harness::ending_signal() != 0; }};
  bench::print_header(report);
  const Clock::time_point begin = Clock::now();
  Clock::time_point written = begin;
  bool failed = false;
  std::string setting;
  for (bench::Case& c : cases.all) {
    if (settings.ended()) break;
    bench::print_progress(progress(report, c));
    reduce_to_memory(c, settings.cold_bytes);
    bench::Result result = bench::measure(c, settings, peers);
    bench::print_progress("");
    if (settings.ended() && result.rows[0].samples.seconds().size() < 3) break;  // too few samples to be a figure
    failed = failed || result.failed();
    report.results.push_back(std::move(result));
    report.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    report.is_complete = report.results.size() == report.cases;
    if (report.is_complete || Clock::now() - written > std::chrono::seconds(2)) {
      write_files(o, report);  // before it is printed: a pipe may be closed
      written = Clock::now();
    }
    bench::print_result(report.results.back(), setting, o.repro);
  }
  if (!report.is_complete) write_files(o, report);
  bench::print_summary(report);
  const int signal = harness::ending_signal();
  if (signal != 0) std::fprintf(stderr, "interrupted after %zu of %zu cases\n", report.results.size(), report.cases);
  return failed ? 1 : signal != 0 ? 128 + signal : report.results.empty() ? 77 : 0;
}

int info(const bench::Options& o) {
  const Device device = bench::device_of(o);
  bench::use_threads(o.threads);
  bench::Report report;
  report.machine = bench::machine_of(device);
  for (const bench::Contestant& each : contestants(bench::peer_names(), device, report)) {
    if (each.peer == nullptr) report.skipped.push_back({each.name, each.absent});
  }
  if (o.info_as_json) {
    std::printf("%s\n", bench::text_of(bench::machine_json(report.machine, report.peers), 1).c_str());
  } else {
    bench::print_info(report);
  }
  return 0;
}

int dispatch(const bench::Options& o, const std::string& command) {
  switch (o.command) {
    case bench::Command::list: bench::print_ops(); return 0;
    case bench::Command::info: return info(o);
    case bench::Command::compare: return bench::compare({o.records[0], o.records[1], o.fail_above, o.by == "ceiling"});
    default: return run(o, command);
  }
}

}  // namespace

int main(int argc, char** argv) {
  harness::begin_program(argv);
  bench::Options options;
  int status = bench::parse(argc, argv, options);
  std::string command = "rectify-bench";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  try {
    if (status < 0) status = dispatch(options, command);
  } catch (const bench::NoDevice& error) {
    status = harness::report_failure("rectify-bench", error.what(), 77);
  } catch (const InvalidArgument& error) {
    status = harness::report_failure("rectify-bench", error.what(), 2);
  } catch (const std::exception& error) {
    bench::print_progress("");
    status = harness::report_failure("rectify-bench", error.what(), 1);
  }
  return harness::status_after_printing("rectify-bench", status);
}
