// The command line.
#pragma once

#include "settings.hpp"

#include <string>

namespace tune {

struct Options {
  Settings settings;
  std::string device = "auto", json, svg;
  std::string state = "tune_alpha.state";
  bool keep_state = false;  ///< also of a run that is done
  bool resume = false;
  std::int64_t stop_after = -1;  ///< steps, as if Ctrl-C had been pressed then
};

/// An exit status, or -1 to go on.
int parse(int argc, char** argv, Options& options);

}  // namespace tune
