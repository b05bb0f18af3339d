// CLI11, and the two sets of defaults.
#include "options.hpp"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>

namespace tune {
namespace {

/// What --full means: all images, larger networks, more runs and alphas (-1 is |x|). Options beside it still count.
Settings full_settings() {
  Settings s;
  s.alphas = {-1, -0.2, 0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1};
  s.images = 60000;
  s.folds = 5;
  s.hidden = {128, 64};
  s.epochs = 10;
  return s;
}

void add_question(CLI::App& app, Settings& s) {
  app.add_option("--alphas", s.alphas,
                 "What to try, with commas; the test is against 0.01 where it is among them, else the first")
      ->type_name("ALPHA,...")
      ->delimiter(',')
      ->capture_default_str();
  app.add_flag("--learned,!--no-learned", s.learned, "Also train alpha: one per layer, and one per channel (the default)");
  app.add_option("--folds", s.folds, "Of the cross-validation")->check(CLI::Range(2, 100))->capture_default_str();
  app.add_option("--seeds", s.seeds, "Trainings of each fold and alpha")->check(CLI::Range(1, 100))->capture_default_str();
}

void add_training(CLI::App& app, Settings& s) {
  app.add_option("--data", s.data, "Folder of train-images-idx3-ubyte and train-labels-idx1-ubyte, with .gz or without")
      ->type_name("FOLDER")
      ->capture_default_str();
  app.add_option("--images", s.images, "How many, from the start of the file")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 28))
      ->capture_default_str();
  app.add_option("--hidden", s.hidden, "Channels of each hidden layer, with commas")
      ->type_name("N,...")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4096}).description(""))
      ->capture_default_str();
  app.add_option("--epochs", s.epochs, "Passes over the images")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--batch", s.batch, "Images a step")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}))
      ->capture_default_str();
  app.add_option("--rate", s.rate, "Learning rate of the first step; it falls to 0 along a line")
      ->check(CLI::PositiveNumber.description(""))
      ->capture_default_str();
  app.add_option("--momentum", s.momentum, "Of the descent")->check(CLI::Range(0.0, 0.999))->capture_default_str();
  app.add_option("--seed", s.seed, "The same number gives the same bits")->capture_default_str();
}

void add_run(CLI::App& app, Options& o, bool& is_full) {
  app.add_option("--device", o.device, "auto: cuda where there is a GPU")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--json", o.json, "Write all figures to this file too")->type_name("FILE");
  app.add_option("--svg", o.svg, "Draw accuracy, loss and learning curves into this file")->type_name("FILE");
  app.add_option("--state", o.state, "Where Ctrl-C leaves what is done; given here, a finished run is kept there too")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--stop-after", o.stop_after, "Steps after which to end as by Ctrl-C")->type_name("STEPS");
  app.add_flag("--full", is_full,
               "All images, larger networks, more folds, epochs and alphas: a quarter of an hour on two cores");
}

/// The settings of a run that goes on are its own.
void add_resume(CLI::App& app, Options& o, const std::vector<CLI::Option*>& settings) {
  CLI::Option* const resume = app.add_flag(
      "--resume", o.resume, "Go on from --state, with the settings of that run and the same bits as without a break");
  for (CLI::Option* const other : settings) resume->excludes(other);
  resume->excludes("--full");
}

void check(const Settings& s) {
  for (const double alpha : s.alphas) {
    if (!std::isfinite(alpha)) throw CLI::ValidationError("--alphas", "expected finite numbers");
  }
}

}  // namespace

int parse(int argc, char** argv, Options& o) {
  bool is_full = false;
  // Before the others, for whose defaults it decides.
  for (int i = 1; i < argc; ++i) is_full = is_full || std::strcmp(argv[i], "--full") == 0;
  if (is_full) o.settings = full_settings();
  CLI::App app{"Which alpha? Trains a network for each by cross-validation, all at once, and says what differs beyond noise."};
  add_question(app, o.settings);
  add_training(app, o.settings);
  std::vector<CLI::Option*> settings =
      app.get_options([](const CLI::Option* option) { return option->get_name() != "--help"; });
  add_run(app, o, is_full);
  add_resume(app, o, settings);
  try {
    app.parse(argc, argv);
    check(o.settings);
    o.keep_state = app.count("--state") > 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return -1;
}

}  // namespace tune
