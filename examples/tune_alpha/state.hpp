// A run that was ended early, as a file: a line of JSON with settings and figures, then the bits of all parameters, then a checksum.
#pragma once

#include "training.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace tune {

struct SavedRun {
  Settings settings;
  std::uint32_t data = 0;  ///< checksum of the images and labels
  std::string libraries;   ///< that multiplied the matrices; another gives other bits
  std::string command;     ///< that began it
  double seconds = 0;
  State state;
};

void save(const std::string& file, const SavedRun& run);
/// Throws std::runtime_error naming the file and what is wrong with it.
SavedRun read_saved(const std::string& file);

nlohmann::ordered_json to_json(const Settings& settings);

}  // namespace tune
