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

using Traffic = void (*)(const Share&, bool past_the_caches);
namespace baseline {
void traffic(const Share& share, bool past_the_caches);
}
#if defined(__x86_64__)
namespace avx2 {
void traffic(const Share& share, bool past_the_caches);
}
namespace avx512 {
void traffic(const Share& share, bool past_the_caches);
}
#endif

}  // namespace rectify::harness
