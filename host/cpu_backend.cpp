// The CPU backend: the element ops of element_ops.hpp in loops that compilers vectorise, over OpenMP threads.
#include "isa.hpp"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/dispatch.hpp>
#include <rectify/detail/element_ops.hpp>

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace rectify::detail {
namespace {

constexpr std::int64_t parallel_from_elements = 32768;  // below, waking a thread costs more than it saves
constexpr std::int64_t stream_from_bytes = 8 << 20;     // of output; below, the output still fits a cache and is read soon
constexpr std::int64_t tile_bytes = 1024;               // larger tiles stream slower: docs/design.md, "CPU stores"
constexpr std::size_t line_bytes = 64;

struct Range {
  std::int64_t begin, end;
};

/// The share of one thread, cut at multiples of a tile.
Range share(std::int64_t elements) {
  constexpr std::int64_t grain = 1024;
  const std::int64_t grains = (elements + grain - 1) / grain, thread = omp_get_thread_num(), threads = omp_get_num_threads();
  return {std::min(elements, grains * thread / threads * grain), std::min(elements, grains * (thread + 1) / threads * grain)};
}

/// Copies full lines past the caches, so that the output is not first read: 8 bytes moved per float instead of 12.
void stream_out(void* to, const void* from, std::int64_t bytes) {
#if defined(__SSE2__)
  auto* lines = static_cast<__m128i*>(to);
  const auto* tile = static_cast<const __m128i*>(from);
  for (std::int64_t i = 0; i < bytes / 16; ++i) _mm_stream_si128(lines + i, _mm_load_si128(tile + i));
#else
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
#endif
}

void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/// One call in one storage type. The loops differ in how they walk; what happens to an element is op alone.
template <class T, class Op>
class Loop {
 public:
  Loop(const Op& op, const Elementwise& call) : op_(op), layout_(call.layout), out_(static_cast<T*>(call.out)) {
    for (int k = 0; k < Op::inputs; ++k) in_[k] = static_cast<const T*>(call.in[k]);
  }

  void run() const {
    const bool in_place = std::find(in_, in_ + Op::inputs, out_) != in_ + Op::inputs;  // then the lines are in the cache anyway
    const bool streams =
        layout_.dense && !in_place && layout_.elements >= stream_from_bytes / static_cast<std::int64_t>(sizeof(T));
#pragma omp parallel if (layout_.elements >= parallel_from_elements)
    on_best_isa([&, range = share(layout_.elements)] {
      if (!layout_.dense) {
        walk(range);
      } else if (streams) {
        stream(range);
      } else {
        neighbours(out_ + range.begin, range.begin, range.end - range.begin, Indices{});
      }
    });
  }

 private:
  using C = typename Op::Scalar;
  using Indices = std::make_index_sequence<Op::inputs>;
  static constexpr std::int64_t tile_elements = tile_bytes / static_cast<std::int64_t>(sizeof(T));

  /// to[i] = op(in[i]...). In place is an exact match, so no iteration depends on another. The pointers come one by one: out of
  /// an array, GCC vectorises some copies of this loop and not others.
  template <class... In>
  static void vector_loop(const Op op, T* to, std::int64_t count, const In*... in) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) assign(to[i], op(static_cast<C>(in[i])...).value);
  }

  template <std::size_t... K>
  void neighbours(T* to, std::int64_t first, std::int64_t count, std::index_sequence<K...>) const {
    vector_loop(op_, to, count, in_[K] + first...);
  }

  void stream(Range range) const {
    alignas(line_bytes) T tile[tile_elements];
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(out_ + range.begin) % line_bytes;
    const std::int64_t head = misaligned == 0 ? 0 : static_cast<std::int64_t>((line_bytes - misaligned) / sizeof(T));
    std::int64_t i = std::min(range.begin + head, range.end);
    neighbours(out_ + range.begin, range.begin, i - range.begin, Indices{});
    for (; i + tile_elements <= range.end; i += tile_elements) {
      neighbours(tile, i, tile_elements, Indices{});
      stream_out(out_ + i, tile, tile_bytes);
    }
    neighbours(out_ + i, i, range.end - i, Indices{});
    finish_streams();
  }

  /// A run along the innermost axis.
  template <std::size_t... K>
  void row(const std::int64_t (&in_at)[max_inputs], std::int64_t out_at, std::int64_t count, std::index_sequence<K...>) const {
    const Layout::Axis& axis = layout_.axes[layout_.rank - 1];
    for (std::int64_t i = 0; i < count; ++i) {
      assign(out_[out_at + i * axis.out_stride], op_(static_cast<C>(in_[K][in_at[K] + i * axis.in_stride[K]])...).value);
    }
  }

  /// Any strides: coordinates are found once a run.
  void walk(Range range) const {
    const std::int64_t inner = layout_.axes[layout_.rank - 1].extent;
    for (std::int64_t i = range.begin; i < range.end;) {
      std::int64_t in_at[max_inputs] = {}, out_at = 0, rest = i;
      for (int axis = layout_.rank - 1; axis >= 0; --axis) {
        const Layout::Axis& a = layout_.axes[axis];
        for (int k = 0; k < Op::inputs; ++k) in_at[k] += rest % a.extent * a.in_stride[k];
        out_at += rest % a.extent * a.out_stride;
        rest /= a.extent;
      }
      const std::int64_t count = std::min(inner - i % inner, range.end - i);
      row(in_at, out_at, count, Indices{});
      i += count;
    }
  }

  Op op_;
  const Layout& layout_;
  const T* in_[Op::inputs];
  T* out_;
};

template <template <class> class Op>
int run(const Elementwise& call, int, Stream) {
  with_float_type(call.dtype, [&](auto t) {
    using T = typename decltype(t)::type;
    using C = Compute<T>;
    Loop<T, Op<C>>(Op<C>{rounded<C>(call.relu)}, call).run();
  });
  return 0;
}

}  // namespace

const Backend& cpu_backend() {
  static constexpr Backend backend{run<ForwardOp>, run<BackwardOp>, [] { return true; }, [](int) { return "success"; }};
  return backend;
}

}  // namespace rectify::detail
