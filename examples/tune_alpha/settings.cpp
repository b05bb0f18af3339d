// The command line, with CLI11. A saved run stores its arguments, so its settings are read and checked here too.
#include "settings.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tune {
namespace {

/// The defaults with --full.
const Settings full{
    Settings().data, {-1, -0.2, 0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1}, true, /*images*/ 60000, /*folds*/ 5, /*seeds*/ 2,
    {128, 64},
    /*epochs*/ 10};

/// Checks the text, because CLI11 accepts NaN in a range, and reads -1 and 2^64 as the largest number.
CLI::Validator between(double low, double high) {
  const auto check = [=](const std::string& text) -> std::string {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (*end == '\0' && value >= low && value <= high) return "";
    char message[80];
    std::snprintf(message, sizeof message, "expected a number from %.16g to %.16g, got ", low, high);
    return message + text;
  };
  return CLI::Validator(check, "");
}

CLI::Option* add_text(CLI::App& app, const char* name, std::string& text, const char* type, const char* help) {
  return app.add_option(name, text, help)->type_name(type)->capture_default_str();
}

template <class T>
CLI::Option* add_number(CLI::App& app, const char* name, T& number, double low, double high, const char* help) {
  CLI::Option* const option = app.add_option(name, number, help);
  return option->type_name("N")->delimiter(',')->capture_default_str()->check(between(low, high));
}

void add_settings(CLI::App& app, Settings& s) {
  add_number(app, "--alphas", s.alphas, -100, 100, "With commas; compared with 0.01 or the first")->expected(1, 100);
  app.add_flag("--learned,!--no-learned", s.learned, "Also train alpha, per layer and per channel");
  add_number(app, "--folds", s.folds, 2, 100, "Folds of the cross-validation");
  add_number(app, "--seeds", s.seeds, 1, 100, "Trainings of each fold and alpha");
  add_text(app, "--data", s.data, "FOLDER", "Of the training files of Fashion-MNIST or MNIST");
  add_number(app, "--images", s.images, 1, 1 << 28, "From the start of the file");
  add_number(app, "--hidden", s.hidden, 1, 4096, "Channels of each hidden layer, with commas")->expected(1, 10);
  add_number(app, "--epochs", s.epochs, 1, 10000, "Passes over the images");
  add_number(app, "--batch", s.batch, 1, 65536, "Images in a step");
  add_number(app, "--rate", s.rate, 1e-9, 100, "Of the first step; the rate falls linearly to 0");
  add_number(app, "--momentum", s.momentum, 0, 0.999, "Momentum of the descent");
  add_number(app, "--seed", s.seed, 0, 0x1p53, "The same seed gives the same bits");
  app.add_flag("--full", "More of everything: ten minutes on two cores");
}

}  // namespace

std::vector<std::vector<Variant>> variants(const Settings& settings) {
  std::vector<std::vector<Variant>> groups(1);
  for (const double alpha : settings.alphas) {
    char name[32];
    std::snprintf(name, sizeof name, "%.6g", alpha);
    groups[0].push_back({name, alpha});
  }
  constexpr double start = 0.25;  // of He et al. (2015) and of PyTorch's PReLU
  if (settings.learned) groups.push_back({{"learned, per layer", start, true}, {"learned, per channel", start, true}});
  return groups;
}

Options parse(const std::vector<std::string>& arguments) {
  Options o;
  // --full decides the defaults of the others, so it is looked for first.
  if (std::count(arguments.begin(), arguments.end(), "--full") > 0) o.settings = full;
  CLI::App app{"Which alpha? Trains networks for each by cross-validation, and tells which\nalphas differ beyond noise.",
               "tune_alpha"};
  add_settings(app, o.settings);
  const std::vector<CLI::Option*> settings = app.get_options();
  app.add_flag("--resume", o.resume, "Continue the run in --state to the same bits");
  add_text(app, "--device", o.device, "NAME", "auto, cpu or cuda; auto: cuda if there is a GPU")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}).description(""));
  add_text(app, "--json", o.json, "FILE", "Write all figures to this file");
  const CLI::Option* const state = add_text(app, "--state", o.state, "FILE", "For Ctrl-C; if given, also for a finished run");
  add_number(app, "--stop-after", o.stop_after, 0, 1e15, "Steps after which to end as by Ctrl-C; 0: never");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back
    for (const CLI::Option* const option : settings)
      if (o.resume && option->count() > 0) throw CommandLineError("--resume excludes " + option->get_name());
  } catch (const CLI::CallForHelp&) {
    o.help = app.help();
  } catch (const CLI::ParseError& error) {
    throw CommandLineError(error.what());
  }
  o.keep_state = state->count() > 0;
  return o;
}

}  // namespace tune
