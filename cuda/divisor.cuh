// Fast division of 64-bit integers: by 32-bit arithmetic if both numbers allow it, and by a divisor that is known in advance.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace rectify::detail {

/// n / divisor, neither of them negative. A 64-bit division costs four times as much as one of 32 bits, and only in the largest
/// calls do threads of a warp take different branches here.
__host__ __device__ inline std::int64_t quotient(std::int64_t n, std::int64_t divisor) {
  const bool fits_32_bits = ((n | divisor) >> 32) == 0;
  return fits_32_bits ? static_cast<std::uint32_t>(n) / static_cast<std::uint32_t>(divisor) : n / divisor;
}

/// Division by a constant of a call: a multiplication and a shift if n is below 2^31 (Granlund and Montgomery, "Division by
/// invariant integers using multiplication", 1994), otherwise a division. Members that are called by_... divide by what their
/// name says.
struct Divisor {
  std::int64_t divisor = 1;
  std::uint32_t multiplier = 1;
  int shift = 0;

  Divisor() = default;
  explicit Divisor(std::int64_t by) : divisor(by) {
    while (shift < 31 && (std::int64_t{1} << shift) < by) ++shift;
    const std::uint64_t power = std::uint64_t{1} << shift, d = static_cast<std::uint64_t>(by);
    multiplier = power < d ? 0 : static_cast<std::uint32_t>(((power - d) << 32) / d + 1);  // 0: n < 2^31 <= d, so n / d is 0
  }

  __device__ std::int64_t quotient(std::int64_t n) const {
    if (n >> 31 != 0) return n / divisor;
    const auto low = static_cast<std::uint32_t>(n);
    return (__umulhi(low, multiplier) + low) >> shift;
  }
};

}  // namespace rectify::detail
