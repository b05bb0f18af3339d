// tune_alpha: trains multilayer perceptrons on Fashion-MNIST for several alphas, fixed and learned, by cross-validation, and
// tells which alphas differ beyond noise. Exit status: 0; 1 if something failed; 2 for a wrong command line; 128 + the number
// of the signal that ended the run early, 130 for Ctrl-C and --stop-after.
#include "report.hpp"
#include "state.hpp"

#include "files.hpp"
#include "harness.hpp"
#include "process.hpp"

#include <omp.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

namespace {

using namespace tune;
using namespace rectify::harness;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Trains until the end, a signal or --stop-after. A terminal is told of every tenth of the work in a short line.
void train(std::vector<Training>& trainings, std::int64_t stop_after) {
  const Training& first = trainings.front();
  const std::int64_t from = first.steps_done(), all = first.steps(), stop = stop_after > 0 ? from + stop_after : all;
  const Clock::time_point begin = Clock::now();
  const char* const terminal = std::getenv("TERM");
  const bool tells = isatty(STDERR_FILENO) != 0 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
  while (first.steps_done() < std::min(all, stop) && ending_signal() == 0) {
    for (Training& training : trainings) training.step();
    const std::int64_t tenth = first.steps_done() * 10 / all;
    if (tells && tenth > (first.steps_done() - 1) * 10 / all)
      std::fprintf(stderr, "%3d %%, %.0f s\n", static_cast<int>(10 * tenth), seconds_since(begin));
  }
}

/// Writes the JSON if it was requested, and the state if the run can be continued. Returns what failed, or "".
std::string save_results(const Options& options, const Report& report, const State& state) {
  std::string failed;
  try {
    if (!options.json.empty()) write_file(options.json, json_text(report));
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (report.complete && !options.keep_state && failed.empty()) return "";
  try {
    save(options.state, state);
    if (!failed.empty()) failed += " (nothing is lost: --resume --state " + options.state + " writes the figures again)";
  } catch (const std::exception& error) {
    failed += (failed.empty() ? "" : "; ") + std::string(error.what());
  }
  return failed;
}

/// Throws unless the saved run can be continued here to the same bits.
void restore(std::vector<Training>& trainings, const State& saved, const State& now) {
  if (saved.data_checksum != now.data_checksum) throw std::runtime_error("it was computed from other images");
  if (saved.libraries != now.libraries)
    throw std::runtime_error("it was computed with " + saved.libraries + ", not with " + now.libraries);
  std::string_view bits = saved.bits;
  for (Training& training : trainings) training.restore(saved.steps_done, bits);
  if (!bits.empty()) throw std::runtime_error("its size does not match its settings");
}

void print(const Report& report, const State& state, const std::string& state_file) {
  std::printf("%s", table(report).c_str());
  std::printf("\n");
  for (const std::string& sentence : report.conclusion) std::printf("%s", wrapped(sentence).c_str());
  std::printf("\n%.1f s\n", state.seconds);
  if (report.complete) return;
  std::fprintf(stderr, "ended after step %lld of %lld; --resume --state %s continues\n",
               static_cast<long long>(report.steps_done), static_cast<long long>(report.steps), state_file.c_str());
}

/// `context` comes before the message of an error.
int run(Options options, std::vector<std::string> arguments, std::string& context) {
  const Clock::time_point begin = Clock::now();
  for (const std::string& file : {options.state, options.json})
    if (!file.empty()) require_writable(file);
  State saved;
  if (options.resume) {
    context = options.state + ": cannot be resumed: ";
    saved = load_state(options.state);
    arguments.clear();
    for (const auto& bytes : saved.arguments) arguments.emplace_back(bytes.begin(), bytes.end());
    options.settings = parse(arguments).settings;
  }
  const bool on_gpu = options.device == "cuda" || (options.device == "auto" && rectify::cuda_available());
  const Machine machine = on_gpu ? cuda_machine() : cpu_machine();
  const Dataset data = dataset(idx::read_training(options.settings.data), options.settings.images);
  std::vector<Training> trainings;
  const double most = options.resume ? static_cast<double>(saved.bits.size()) / (2 * sizeof(float)) : 0x1p31;
  for (const auto& group : variants(options.settings)) trainings.emplace_back(machine, options.settings, data, group, most);
  State state;
  for (const std::string& argument : arguments) state.arguments.emplace_back(argument.begin(), argument.end());
  state.data_checksum = checksum(data);
  state.libraries = machine.libraries;
  if (options.resume) restore(trainings, saved, state);
  context.clear();
  Report report;
  report.device = rectify::harness::tools(machine.device).name();
  std::printf("%zu images of %s\n", data.labels.size(), options.settings.data.c_str());
  std::printf("%s; threads: %d, CPUs: %d\n\n", report.device.c_str(), omp_get_max_threads(), omp_get_num_procs());
  std::fflush(stdout);
  watch_signals();
  train(trainings, options.stop_after);

  for (Training& training : trainings) training.save(state.bits);
  state.steps_done = trainings[0].steps_done();
  state.seconds = saved.seconds + seconds_since(begin);
  report.commit = TUNE_ALPHA_COMMIT;
  report.arguments = arguments;
  report.settings = options.settings;
  report.seconds = state.seconds;
  report.threads = omp_get_max_threads();
  report.libraries = machine.libraries;
  fill(report, trainings);
  const std::string failed = save_results(options, report, state);  // before printing, which may fail
  print(report, state, options.state);
  if (!failed.empty()) throw std::runtime_error(failed);
  return report.complete ? 0 : 128 + (ending_signal() != 0 ? ending_signal() : SIGINT);
}

}  // namespace

int main(int argc, char** argv) {
  setenv("OPENBLAS_NUM_THREADS", "1", 1);  // threads of its own would only wait, each for 128 MiB
  begin_program(argv);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string context;
  int status = 0;
  try {
    const Options options = parse(arguments);
    std::fputs(options.help.c_str(), stdout);
    if (options.help.empty()) status = run(options, arguments, context);
  } catch (const CommandLineError& error) {
    status = report_failure("tune_alpha", context + error.what(), context.empty() ? 2 : 1);
  } catch (const std::bad_alloc&) {
    status = report_failure("tune_alpha", context + "out of memory: try fewer --images", 1);
  } catch (const std::exception& error) {
    status = report_failure("tune_alpha", context + error.what(), 1);
  }
  return status_after_printing("tune_alpha", status);
}
