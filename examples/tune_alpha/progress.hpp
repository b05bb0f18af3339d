// A line on stderr that the next one overwrites; nothing where stderr is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tune {

class Progress {
 public:
  ~Progress() { clear(); }

  /// Shown ten times a second at most. `first` is where this run began, which may have gone on from another.
  void show(const std::string& what, std::int64_t first, std::int64_t done, std::int64_t all);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now(), shown_{};
  bool visible_ = false;
};

}  // namespace tune
