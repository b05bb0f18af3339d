// CLI11 has most of this, but its messages list every unit or every name.
#include "option_values.hpp"

#include "op_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>

namespace rectify::bench {

CLI::Validator one_of(const std::vector<std::string>& names, const std::string& hint) {
  return CLI::Validator(
      [=](std::string& text) {
        if (std::find(names.begin(), names.end(), text) != names.end()) return std::string();
        return "no '" + text + "'; " + hint;
      },
      "");
}

CLI::Validator finite(double least, const std::string& what) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;
        const bool is_number = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value >= least;
        return is_number ? std::string() : "'" + text + "' must be " + what;
      },
      "");
}

CLI::Validator fraction() {
  return CLI::Validator(
      [](std::string& text) {
        double value = 0;
        const bool percent = !text.empty() && text.back() == '%';
        if (!CLI::detail::lexical_cast(percent ? text.substr(0, text.size() - 1) : text, value) || !std::isfinite(value) ||
            value < 0)
          return "'" + text + "' must be a fraction, such as 5% or 0.05";
        text = std::to_string(percent ? value / 100 : value);
        return std::string();
      },
      "");
}

CLI::Validator size_in_bytes() {
  return CLI::Validator(
      [](std::string& text) {
        std::string bytes = text;
        std::uint64_t value = 0;
        try {
          if (!CLI::AsSizeValue(false)(bytes).empty() || !CLI::detail::lexical_cast(bytes, value)) value = 0;
        } catch (const CLI::Error&) {  // whose text lists every unit
          value = 0;
        }
        if (value < 8 || value > std::uint64_t{1} << 40)
          return "'" + text + "' must be a size from 8 bytes to 1T, such as 64K, 16M or 1G";
        text = bytes;
        return std::string();
      },
      "");
}

Shape shape_of(const std::string& text) {
  std::vector<std::int64_t> extents;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, 'x');) {
    std::int64_t extent = 0;
    const bool is_open = word == "n";
    if (!is_open && (!CLI::detail::lexical_cast(word, extent) || extent < 1))
      throw CLI::ValidationError("--shape", "'" + text + "' is no shape such as 8192x1024 or nx1024");
    extents.push_back(is_open ? 0 : extent);
  }
  std::int64_t unit = 1;
  for (std::size_t axis = 1; axis < extents.size(); ++axis) {
    if (extents[axis] == 0) throw CLI::ValidationError("--shape", "in '" + text + "' only the first extent may be n");
    if (extents[axis] > max_unit_elements / unit)
      throw CLI::ValidationError("--shape", "'" + text + "' has more than 2^26 elements after its first extent");
    unit *= extents[axis];
  }
  if (extents.empty() || extents.size() > max_rank || text.back() == 'x' || extents[0] > (std::int64_t{1} << 40) / unit)
    throw CLI::ValidationError("--shape", "'" + text + "' must have 1 to 8 extents, and at most 2^40 elements");
  return Shape(extents.data(), static_cast<int>(extents.size()));
}

}  // namespace rectify::bench
