// The settings, which decide every figure, and the rest of the command line.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace tune {

struct Settings {
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::vector<double> alphas = {0, 0.01, 0.1, 0.2, 0.3, 0.5, 1};
  bool learned = true;
  std::int64_t images = 30000, folds = 3, seeds = 2;
  std::vector<std::int64_t> hidden = {64, 64};
  std::int64_t epochs = 5, batch = 128;
  double rate = 0.02, momentum = 0.9;
  std::int64_t seed = 1;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Settings, data, alphas, learned, images, folds, seeds, hidden, epochs, batch, rate, momentum,
                                   seed)

/// One function that is tried: a fixed alpha, or where a learned one begins.
struct Variant {
  std::string name;
  double alpha = 0;
  bool learned = false;
};
/// Two groups: the fixed alphas, and unless learning is off, the one learned per layer and the one learned per channel.
std::vector<std::vector<Variant>> variants(const Settings& settings);

struct Options {
  Settings settings;
  std::string device = "auto", json, state = "tune_alpha.state";
  bool keep_state = false;  ///< also after a finished run
  bool resume = false;
  std::int64_t stop_after = 0;  ///< steps after which the run ends as by Ctrl-C; 0: never
  std::string help;             ///< the text, if it was requested
};

struct CommandLineError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// From the arguments after the program's name. Throws CommandLineError naming the option that is wrong.
Options parse(const std::vector<std::string>& arguments);

}  // namespace tune
