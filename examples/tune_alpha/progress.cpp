// Drawn with a carriage return, so that it needs no library of terminals.
#include "progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace tune {

void Progress::show(const std::string& what, std::int64_t first, std::int64_t done, std::int64_t all) {
  const Clock::time_point now = Clock::now();
  if (isatty(STDERR_FILENO) == 0 || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  visible_ = true;
  constexpr int width = 32;
  const double share = static_cast<double>(done) / static_cast<double>(all);
  const int filled = static_cast<int>(share * width);
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  std::string left;
  if (done > first && elapsed > 1) {
    const double seconds = elapsed * static_cast<double>(all - done) / static_cast<double>(done - first);
    left = ", " + std::to_string(std::lround(seconds)) + " s to go";
  }
  std::fprintf(stderr, "\r\033[K[%s%s] %3.0f %%  %s, %.0f s%s", std::string(static_cast<std::size_t>(filled), '#').c_str(),
               std::string(static_cast<std::size_t>(width - filled), '.').c_str(), 100 * share, what.c_str(), elapsed,
               left.c_str());
  std::fflush(stderr);
}

void Progress::clear() {
  if (visible_) std::fprintf(stderr, "\r\033[K");
  visible_ = false;
}

}  // namespace tune
