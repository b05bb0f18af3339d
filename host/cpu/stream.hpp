// Stores past the caches, 16 bytes at a time. Internal to each translation unit: loops of an instruction set must not share the name of
// code for every machine.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace rectify::detail {

constexpr std::int64_t stream_bytes = 16;  ///< also where such a store may begin; what malloc gives

static inline void stream(void* to, const void* from) {
#if defined(__SSE2__)
  _mm_stream_si128(static_cast<__m128i*>(to), _mm_loadu_si128(static_cast<const __m128i*>(from)));
#else
  std::memcpy(to, from, stream_bytes);
#endif
}

/// Before anyone else may read what was streamed.
static inline void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace rectify::detail
