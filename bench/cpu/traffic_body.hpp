// Moves streams block by block with the vectors of one instruction set. RECTIFY_TRAFFIC is the namespace; the flags of the file
// that includes this choose the vectors.
#include "cpu/traffic.hpp"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace rectify::harness::RECTIFY_TRAFFIC {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t width = 64;
#elif defined(__AVX2__)
constexpr std::size_t width = 32;
#else
constexpr std::size_t width = 16;
#endif
using Vector = long long __attribute__((vector_size(width)));
using Unaligned = long long __attribute__((vector_size(width), aligned(1), may_alias));

Vector load(const char* from) { return *reinterpret_cast<const Unaligned*>(from); }

template <bool PastTheCaches>
void store(char* to, Vector v) {
#if defined(__SSE2__)
  if constexpr (PastTheCaches) {
#if defined(__AVX512F__)
    return _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(v));
#elif defined(__AVX2__)
    return _mm256_stream_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(v));
#else
    return _mm_stream_si128(reinterpret_cast<__m128i*>(to), reinterpret_cast<__m128i>(v));
#endif
  }
#endif
  *reinterpret_cast<Unaligned*>(to) = v;
}

constexpr std::size_t line = 64, chunk = 4096;

/// How streams are moved: past the caches or not, in blocks of how many bytes, and fetching how far ahead (0: not).
template <bool PastTheCaches, std::size_t Block, std::size_t Ahead>
struct How {
  static constexpr bool past_the_caches = PastTheCaches;
  static constexpr std::size_t block = Block, ahead = Ahead;
};

/// One block of every stream of full size. An output is written whole before the next: lines of two outputs that alternate would
/// each be written to memory in parts.
template <int Inputs, int Outputs, class How>
void move_block(const char* const* from, char* const* to, std::size_t at) {
  if constexpr (How::ahead > 0) {
    for (int i = 0; i < Inputs; ++i) {
      for (std::size_t k = 0; k < How::block; k += line) __builtin_prefetch(from[i] + at + k + How::ahead);
    }
  }
  for (int o = 0; o < Outputs; ++o) {
#pragma GCC unroll 16
    for (std::size_t k = at; k < at + How::block; k += width) {
      Vector v = Inputs > 0 ? load(from[0] + k) : Vector{};
      for (int i = 1; i < Inputs; ++i) v ^= load(from[i] + k);
      store<How::past_the_caches>(to[o] + k, v);
    }
  }
}

/// Bytes [begin, end) of a smaller stream, such as a mask.
void move_part(const Stream& stream, std::size_t begin, std::size_t end, Vector& seen) {
  char* const data = static_cast<char*>(stream.data);
  if (stream.is_written) {
    std::memset(data + begin, static_cast<int>(seen[0]), end - begin);
    return;
  }
  for (; begin + width <= end; begin += width) seen ^= load(data + begin);
  for (; begin < end; ++begin) seen[0] ^= data[begin];
}

template <int Inputs, int Outputs, class How>
void move(const Share& share) {
  const char* from[Inputs + 1] = {};
  char* to[Outputs + 1] = {};
  std::vector<Stream> parts;
  int inputs = 0, outputs = 0;
  for (const Stream& stream : *share.streams) {
    if (stream.bytes != share.largest) {
      parts.push_back(stream);
    } else if (stream.is_written) {
      to[outputs++] = static_cast<char*>(stream.data);
    } else {
      from[inputs++] = static_cast<const char*>(stream.data);
    }
  }
  Vector seen{};
  for (std::size_t at = share.begin; at < share.end; at += chunk) {
    const std::size_t end = std::min(at + chunk, share.end);
    std::size_t k = at;
    for (; k + How::block <= end; k += How::block) move_block<Inputs, Outputs, How>(from, to, k);
    for (int o = 0; o < Outputs; ++o) {
      if constexpr (Inputs > 0) {
        std::memmove(to[o] + k, from[0] + k, end - k);
      } else {
        std::memset(to[o] + k, 0, end - k);
      }
    }
    for (const Stream& part : parts) {
      const double scale = static_cast<double>(part.bytes) / static_cast<double>(share.largest);
      move_part(part, static_cast<std::size_t>(static_cast<double>(at) * scale),
                static_cast<std::size_t>(static_cast<double>(end) * scale), seen);
    }
  }
  volatile long long kept = seen[0];  // so that reads are not removed
  static_cast<void>(kept);
#if defined(__SSE2__)
  if constexpr (How::past_the_caches) _mm_sfence();
#endif
}

template <int Inputs, int Outputs>
void move(const Share& share, Way way) {
  switch (way) {
    case Way::plain: return move<Inputs, Outputs, How<false, 256, 0>>(share);
    case Way::fetching: return move<Inputs, Outputs, How<false, 64, 512>>(share);
    case Way::streaming_lines: return move<Inputs, Outputs, How<true, 64, 512>>(share);
    case Way::streaming_blocks: return move<Inputs, Outputs, How<true, 256, 1024>>(share);
  }
}

template <int Outputs>
void move(const Share& share, int inputs, Way way) {
  switch (inputs) {
    case 0: return move<0, Outputs>(share, way);
    case 1: return move<1, Outputs>(share, way);
    case 2: return move<2, Outputs>(share, way);
    default: return move<3, Outputs>(share, way);
  }
}

}  // namespace

void traffic(const Share& share, Way way) {
  int inputs = 0, outputs = 0;
  for (const Stream& stream : *share.streams) {
    if (stream.bytes == share.largest) ++(stream.is_written ? outputs : inputs);
  }
  if (outputs < 2) return move<1>(share, inputs, way);
  return move<2>(share, inputs, way);
}

}  // namespace rectify::harness::RECTIFY_TRAFFIC
