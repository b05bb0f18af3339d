// Units of bytes.
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

constexpr std::int64_t kibi = 1024, mebi = 1024 * kibi, gibi = 1024 * mebi;

}  // namespace rectify::gpu_bench
