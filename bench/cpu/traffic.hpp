// Kernels that move streams on the CPU. traffic_body.hpp has their body, which is compiled once for each instruction set.
#pragma once

#include "devices.hpp"

namespace rectify::harness {

/// The share of one thread, cut at the largest stream: bytes [begin, end) of it, which are whole lines of 64 bytes, and of every
/// smaller stream the corresponding part.
struct Share {
  const std::vector<Stream>* streams;
  std::size_t largest, begin, end;
};

/// Which is fastest depends on the machine, the op and the size. Streaming ways store past the caches; they and `fetching` prefetch
/// inputs.
enum class Way { plain, fetching, streaming_lines, streaming_blocks };

using Traffic = void (*)(const Share&, Way);
namespace baseline {
void traffic(const Share& share, Way way);
}
#if defined(__x86_64__)
namespace avx2 {
void traffic(const Share& share, Way way);
}
namespace avx512 {
void traffic(const Share& share, Way way);
}
#endif

}  // namespace rectify::harness
