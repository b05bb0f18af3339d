// Files that are written as a whole, and a run saved in one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tune {

/// Until everything is written, the old file stays. Devices and pipes are written directly. All functions here throw
/// std::runtime_error naming the file and the reason.
void write_file(const std::string& file, const std::string& contents);
/// Throws if write_file() could not write the file now.
void require_writable(const std::string& file);

struct State {
  std::string version = "tune_alpha state 2";
  std::vector<std::vector<unsigned char>> arguments;  ///< which decide the settings; paths may be any bytes, JSON is UTF-8
  std::uint32_t data_checksum = 0;
  std::string libraries;  ///< that multiplied the matrices; others give other bits
  double seconds = 0;
  std::int64_t steps_done = 0;
  std::string bits;  ///< that training has changed
};

void save(const std::string& file, const State& state);
State load_state(const std::string& file);

}  // namespace tune
