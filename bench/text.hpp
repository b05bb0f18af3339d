// Numbers as text.
#pragma once

#include <cstdint>
#include <string>

namespace rectify::bench {

/// The shortest text that is read back as the same number: "0.01", "1e-45".
std::string number(double value);
/// "64 KiB", "1 GiB".
std::string human_bytes(std::int64_t bytes);
/// "64K", "1.5M": as the options are written.
std::string short_bytes(std::int64_t bytes);

}  // namespace rectify::bench
