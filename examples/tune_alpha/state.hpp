// A run that was ended early, saved in a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tune {

struct State {
  std::string version = "tune_alpha state 2";
  std::vector<std::vector<unsigned char>> arguments;  ///< which decide the settings; paths may be any bytes, JSON is UTF-8
  std::uint32_t data_checksum = 0;
  std::string libraries;  ///< that multiplied the matrices; others give other bits
  double seconds = 0;
  std::int64_t steps_done = 0;
  std::string bits;  ///< that training has changed
};

/// Both throw std::runtime_error naming the file and the reason.
void save(const std::string& file, const State& state);
State load_state(const std::string& file);

}  // namespace tune
