// tune_alpha: trains a multilayer perceptron on Fashion-MNIST for each of several alphas, fixed and learned, by cross-validation,
// and says which differ beyond noise. Exit status: 0, 1 where something failed, 2 for a command line that makes no sense, 130 where
// Ctrl-C ended the run early.
#include "chart.hpp"
#include "files.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "state.hpp"

#include <omp.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

using namespace tune;

volatile std::sig_atomic_t interrupted = 0;

/// The first Ctrl-C ends the run after the step at hand, the second at once.
void watch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

/// Threads that spin while they wait lose whole time slices where others use the machine too: on two such cores 12,000 images and one
/// seed took 34.7 s, and take 5.4 s. OpenMP reads its environment before main, so the program starts anew, once.
void wait_without_spinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
}

struct Run {
  Options options;
  std::unique_ptr<Machine> machine;
  Dataset data;
  std::unique_ptr<Training> training;
  Report report;

  SavedRun saved() const {
    return {options.settings, checksum(data), machine->libraries(), report.command, report.seconds, training->state()};
  }
};

void go_on_from(Run& run, const SavedRun& saved) {
  const std::string& file = run.options.state;
  if (saved.data != checksum(run.data))
    throw std::runtime_error(file + ": is of other images than " + run.options.settings.data);
  if (saved.libraries != run.machine->libraries())
    throw std::runtime_error(file + ": was computed with " + saved.libraries + ", here is " + run.machine->libraries());
  try {
    run.training->restore(saved.state);
  } catch (const std::exception& error) {
    throw std::runtime_error(file + ": cannot be resumed: " + error.what());
  }
  std::printf("going on from %s, after step %lld\n", file.c_str(), static_cast<long long>(run.training->steps_done()));
}

void introduce(const Run& run) {
  const Settings& s = run.options.settings;
  std::string layers = std::to_string(run.data.pixels);
  for (const std::int64_t width : s.hidden) layers += "-" + std::to_string(width);
  std::printf("%lld images of %s, networks of %s-%lld; %zu alphas x %d folds x %d seed%s = %lld networks, all at once, on %s\n",
              static_cast<long long>(run.data.count), s.data.c_str(), layers.c_str(), static_cast<long long>(classes),
              variants(s).size(), s.folds, s.seeds, s.seeds == 1 ? "" : "s", static_cast<long long>(run.training->networks()),
              run.report.device.c_str());
  std::fflush(stdout);
}

void train(Run& run, Progress& progress) {
  Training& training = *run.training;
  const std::int64_t first = training.steps_done(), stop = run.options.stop_after;
  training.run([&] {
    const std::string epoch =
        "epoch " + std::to_string(training.epoch() + 1) + "/" + std::to_string(run.options.settings.epochs);
    progress.show(epoch, first, training.steps_done(), training.steps());
    return interrupted == 0 && (stop < 0 || training.steps_done() - first < stop);
  });
  progress.clear();
}

/// The figures were shown before this; where a file cannot be written, the state keeps them.
void write_results(const Run& run) {
  try {
    if (!run.options.json.empty()) write_file(run.options.json, to_json(run.report));
    if (!run.options.svg.empty()) write_file(run.options.svg, chart(run.report));
  } catch (const std::exception& error) {
    save(run.options.state, run.saved());
    throw std::runtime_error(std::string(error.what()) + " (nothing is lost: --resume --state " + run.options.state +
                             " shows and writes the figures again)");
  }
}

int tell(Run& run, double seconds) {
  run.report.seconds = seconds;
  fill(run.report, *run.training);
  print_table(run.report);
  for (const std::string& words : conclusion(run.report)) std::printf("\n%s", words.c_str());
  std::printf("\n\n%.1f s\n", seconds);
  std::fflush(stdout);
  // First the files that were asked for: where one of them fails, the state is kept too, and the other way round.
  if (!run.report.rows.empty()) write_results(run);
  if (!run.training->finished() || run.options.keep_state) save(run.options.state, run.saved());
  if (!run.training->finished()) {
    std::fprintf(stderr, "ended after step %lld of %lld; --resume --state %s goes on\n",
                 static_cast<long long>(run.training->steps_done()), static_cast<long long>(run.training->steps()),
                 run.options.state.c_str());
  }
  return run.training->finished() ? 0 : 130;
}

int run_all(const Options& options, const std::string& command) {
  const auto begin = std::chrono::steady_clock::now();
  Progress progress;
  Run run;
  run.options = options;
  SavedRun saved;
  if (options.resume) {
    saved = read_saved(options.state);
    run.options.settings = saved.settings;
  }
  run.machine = machine_called(options.device);
  run.data = load(run.options.settings);
  run.training = std::make_unique<Training>(*run.machine, run.options.settings, run.data);
  run.report.settings = run.options.settings;
  run.report.command = options.resume ? saved.command + "; " + command : command;
  run.report.device = rectify::harness::tools(run.machine->device()).name();
  run.report.libraries = run.machine->libraries();
  run.report.threads = omp_get_max_threads();
  introduce(run);
  if (options.resume) go_on_from(run, saved);
  watch_signals();
  train(run, progress);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  return tell(run, saved.seconds + taken.count());
}

}  // namespace

int main(int argc, char** argv) {
  wait_without_spinning(argv);
  Options options;
  const int status = parse(argc, argv, options);
  if (status >= 0) return status;
  std::string command = "tune_alpha";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  try {
    return run_all(options, command);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tune_alpha: %s\n", error.what());
    return 1;
  }
}
