// Formats numbers, independently of the locale.
#include "text.hpp"

#include <charconv>
#include <cstdio>

namespace rectify::bench {
namespace {

std::string scaled(std::int64_t bytes, const char* format, const char* const (&units)[5]) {
  int unit = 0;
  auto amount = static_cast<double>(bytes);
  for (; amount >= 1024 && unit < 4; ++unit) amount /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, format, amount, units[unit]);
  return text;
}

}  // namespace

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string human_bytes(std::int64_t bytes) { return scaled(bytes, "%.4g %s", {"B", "KiB", "MiB", "GiB", "TiB"}); }

std::string short_bytes(std::int64_t bytes) { return scaled(bytes, "%.4g%s", {"", "K", "M", "G", "T"}); }

}  // namespace rectify::bench
