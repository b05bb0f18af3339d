// The CPU backend's table: how a call finds its loop, its way through threads, and a thread's way through its elements.
#include "parameters.hpp"
#include "sums.hpp"

#include "../float_environment.hpp"

#include <rectify/detail/dispatch.hpp>

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace rectify::detail {
namespace {

constexpr std::int64_t parallel_from_elements = 32768;  // below, waking a thread costs more than it saves
constexpr std::int64_t sweep_from_bytes = 256 << 10;    // of a row of x; below, x is still in the cache for the next repeat
constexpr std::int64_t grain = 4096;                    // elements; whole tiles of every type, and whole bytes of every mask

/// The threads of OpenMP's pool do not come along into a forked process, where a call that waits for them never returns.
bool is_forked = false;
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
[[maybe_unused]] const AllLoops& at_load = loops_of_this_machine();

/// What all threads of a call share.
template <class T>
struct Work {
  using C = Compute<T>;
  const Elementwise& call;
  Rectifier<C> f;
  Loop<C> loop;
  SumPlan plan;  ///< no parts where there are no sums
  SumOffsets offsets;
  int threads;

  SumChains<C> chains(C* memory) const { return {plan, __builtin_popcount(loop.sums), memory}; }
  /// Numbers of memory that a thread needs beside itself.
  std::int64_t memory() const { return chains(nullptr).memory() + Parameters<T>::memory(call.layout, loop, threads); }
};

template <class T>
class Thread {
  using C = Compute<T>;

 public:
  Thread(const Work<T>& work, C* memory)
      : work_(work),
        chains_(work.chains(memory)),
        parameters_(call_, work.f, work.loop, work.threads, memory + chains_.memory(), span_) {
    span_.f = work.f;
    span_.gain = round_to<C>(call_.gain);
    span_.mask_bits = call_.mask_bits;
  }

  /// Runs the loop once, on as many of the next `count` elements as one span can hold: whole groups, or a single partial group. Returns
  /// their number. `rows` rows, `stride` elements apart, share the first row's parameters; several rows must be in place.
  std::int64_t run_stretch(std::int64_t first, std::int64_t count, std::int64_t rows, std::int64_t stride) {
    for (const Operand<T>* operand : {&x_, &dy_, &residual_, &out_, &dresidual_}) count = operand->longest(first, count);
    count = parameters_.longest(first, mask_.is_direct(first) ? count : std::min(count, tile_elements<T>));
    count = count < group ? count : count / group * group;
    parameters_.start(first, count);
    span_.count = std::max(count, group);
    span_.rows = rows, span_.row_stride = stride;
    span_.x = x_.to_read(first, count);
    span_.dy = dy_.to_read(first, count);
    span_.residual = residual_.to_read(first, count);
    span_.out = out_.to_write(first, count);
    span_.dresidual = dresidual_.to_write(first, count);
    span_.streams = out_.streams(call_, span_.out, stride);
    span_.dresidual_streams = dresidual_.streams(call_, span_.dresidual, stride);
    span_.mask = mask_.at(first, count);
    if (work_.loop.sums != 0) chains_.place(count, span_);
    work_.loop.run(span_);
    if (count < group && call_.dy == nullptr) mask_.finish_rest(first, count);
    out_.finish(span_.out, first, count);
    dresidual_.finish(span_.dresidual, first, count);
    return count;
  }

  /// A part of the sums, its elements with it. Where rows are not folded, one row of each of four bands is taken at a time: additions wait
  /// less for each other, and sums are fetched once for all of them.
  void run_part(std::int64_t index) {
    const SumPart part = work_.plan.part(index);
    chains_.start(part);
    const std::int64_t band = chains_.folds() ? 0 : part.rows / bands, stride = band * part.stride;
    for (std::int64_t row = 0, rows; row < part.rows; row += rows) {
      rows = row < bands * band ? bands : 1;
      const std::int64_t first = part.base + row / rows * part.stride;
      const std::int64_t whole = rows > 1 && in_place(part, first, stride) ? part.width / group * group : 0;
      run_row(first, 0, whole, rows, stride);
      for (std::int64_t k = 0, from = first; k < rows; ++k, from += stride) {
        run_row(from, whole, std::min(part.width, part.end - from), 1, 0);
        chains_.end_row();
      }
    }
    for (int slot = 0, sum = 0; slot < sum_slots; ++slot) {
      if ((work_.loop.sums >> slot & 1) == 0) continue;
      const std::int64_t length = call_.sums[slot].length, numbers = length == 1 ? 1 : work_.plan.slots;
      C* const into = static_cast<C*>(call_.workspace) + work_.offsets.of[slot] + index * numbers;
      if (length > 0) chains_.finish(part, work_.plan.first_channel(index), sum, length == 1, into);
      ++sum;
    }
  }

 private:
  /// Whether rows side by side, the first of which begins at `first`, are whole and in place in all tensors.
  bool in_place(const SumPart& part, std::int64_t first, std::int64_t stride) const {
    const bool whole = first + (bands - 1) * stride + part.width <= part.end;
    bool all = whole && std::find(call_.layout.run, call_.layout.run + slots, false) == call_.layout.run + slots;
    for (std::int64_t k = 0; k < bands; ++k) all = all && mask_.is_direct(first + k * stride);
    return all;
  }

  /// The positions from `at` to `end` of a row whose first element is `first`, or of several rows.
  void run_row(std::int64_t first, std::int64_t at, std::int64_t end, std::int64_t rows, std::int64_t stride) {
    chains_.start_row(at);
    for (std::int64_t n; at < end; at += n) {
      n = run_stretch(first + at, chains_.longest(end - at), rows, stride);
      chains_.advance(n);
    }
  }

  const Work<T>& work_;
  const Elementwise& call_ = work_.call;
  Span<C> span_;
  Operand<T> x_{call_.x, call_.layout, slot_x}, dy_{call_.dy, call_.layout, slot_dy};
  Operand<T> residual_{call_.residual, call_.layout, slot_residual};
  Operand<T> out_{call_.out, call_.layout, slot_out}, dresidual_{call_.dresidual, call_.layout, slot_dresidual};
  MaskBits<T> mask_{call_};
  SumChains<C> chains_;
  Parameters<T> parameters_;
};

/// A thread's share of the elements. Where x is one tensor under many, and its row would have left the cache by the next of its repeats, a
/// grain of a row at a time is taken under all of them, so that x comes from memory once.
template <class T>
void run_share(const Elementwise& call, Thread<T>& of_thread, std::int64_t thread, std::int64_t threads) {
  const Layout& layout = call.layout;
  const bool sweeps = layout.repeats > 1 && layout.row * static_cast<std::int64_t>(sizeof(T)) >= sweep_from_bytes &&
                      (call.mask == nullptr || layout.row % 8 == 0);
  const std::int64_t repeats = sweeps ? layout.repeats : 1, row = sweeps ? layout.row : layout.elements;
  const std::int64_t grains = (row + grain - 1) / grain, all = layout.elements / (row * repeats) * grains;
  const std::int64_t begin = all * thread / threads, end = all * (thread + 1) / threads, taken = sweeps ? 1 : end - begin;
  for (std::int64_t i = begin; i < end; i += taken) {
    const std::int64_t at = i % grains * grain, count = std::min(taken * grain, row - at);
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      std::int64_t first = (i / grains * repeats + repeat) * row + at;  // at a whole byte of the mask
      for (const std::int64_t last = first + count; first < last;) first += of_thread.run_stretch(first, last - first, 1, 0);
    }
  }
}

/// run(memory, thread, threads) in each thread of a team, with `numbers` of memory for each.
template <class C, class Run>
void in_threads(std::int64_t numbers, int threads, const Run& run) {
  struct alignas(line_bytes) Line {
    C numbers[line_bytes / sizeof(C)];
  };
  const std::int64_t in_line = line_bytes / sizeof(C), lines = (numbers + in_line - 1) / in_line;
  const std::unique_ptr<Line[]> memory(lines > 0 ? new Line[static_cast<std::size_t>(lines * threads)] : nullptr);
  C* const first = reinterpret_cast<C*>(memory.get());
  if (threads == 1) return run(first, 0, 1);
#pragma omp parallel num_threads(threads)
  {
    const DefaultFloatEnvironment environment;  // the calling thread's is that of ops.cpp
    run(first + omp_get_thread_num() * lines * in_line, omp_get_thread_num(), omp_get_num_threads());
  }
}

/// All elements, or all parts of the sums and then the sums; by threads, in an order that their number does not change.
template <class T>
void run(const Elementwise& call, LoopKind kind) {
  using C = Compute<T>;
  const Rectifier<C> f = rounded<C>(call.relu);
  kind.capped = kind.op == LoopKind::backward_mask ? call.mask_bits == 2 : f.max_value < no_cap<C>;
  kind.flat = f.alpha == 0;
  kind.gained = call.gain != 1;
  const bool sums = kind.sums != 0;
  const SumPlan plan = sums ? plan_sums(call.layout, sums_per_channel(call), cpu_sum_grain<C>) : SumPlan{};
  const Loops<T>& loops = loops_of_this_machine();
  // Not `parallel if`: that makes a team of one, which takes longer than a small call.
  const int team = call.layout.elements < parallel_from_elements || is_forked ? 1 : omp_get_max_threads();
  const Work<T> work{call, f, loops.find(kind), plan, sum_offsets(call, plan), team};
  in_threads<C>(work.memory(), work.threads, [&](C* memory, int thread, int threads) {
    if (call.layout.elements > 0) {
      Thread<T> of_thread(work, memory);
      if (!sums) run_share(call, of_thread, thread, threads);
      for (std::int64_t i = plan.parts * thread / threads; i < plan.parts * (thread + 1) / threads; ++i) of_thread.run_part(i);
#if defined(__SSE2__)
      _mm_sfence();  // before anyone else may read what was stored past the caches
#endif
    }
    if (!sums) return;
    if (threads > 1) {  // with one thread a barrier would be that of a team of the caller's
#pragma omp barrier
    }
    if (plan.parts > 0) gather_rows<C>(call, plan, work.offsets, thread, threads);
    if (threads > 1) {
#pragma omp barrier
    }
    finish_sums<C>(call, plan, work.offsets, thread, threads);
  });
}

template <LoopKind::Op Op, LoopKind::Op OpWithMask>
int run(const Elementwise& call, int, Stream) {
  LoopKind kind{call.mask == nullptr ? Op : OpWithMask, 0, 0, true, false, false};
  const bool function = call.threshold.data != nullptr || call.max_value.data != nullptr;
  kind.operands = (call.scale.data != nullptr) * reads_scale | (call.bias.data != nullptr) * reads_bias |
                  (call.residual != nullptr || call.dresidual != nullptr) * reads_residual |
                  (call.alpha.data != nullptr) * reads_alpha | function * reads_function;
  for (int slot = 0; slot < sum_slots; ++slot) kind.sums |= call.asks(static_cast<SumSlot>(slot)) << slot;
  with_float_type(call.dtype, [&](auto t) { run<typename decltype(t)::type>(call, kind); });
  return 0;
}

#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)
/// Of which __builtin_cpu_supports knows nothing in Clang 14. That the system saves the registers is asked with AVX2.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

}  // namespace

const AllLoops& loops_of_this_machine() {
  static const AllLoops chosen = [] {
#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)  // which is a build without the others, for the sanitizers
    const char* const asked = std::getenv("RECTIFY_MAX_CPU_ISA");
    const auto is = [asked](const char* name) { return asked != nullptr && std::strcmp(asked, name) == 0; };
    // What the loops are compiled for (cmake/RectifyCpu.cmake). Virtual machines may hide any of it.
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (has_avx2 && !is("baseline")) return has_avx512 && !is("avx2") ? avx512::loops() : avx2::loops();
#endif
    return baseline::loops();
  }();
  return chosen;
}

const Backend& cpu_backend() {
  constexpr auto sum_grain = [](DType dtype) {
    return with_float_type(dtype, [](auto t) { return cpu_sum_grain<Compute<typename decltype(t)::type>>; });
  };
  static constexpr Backend backend{run<LoopKind::forward, LoopKind::forward_mask>,
                                   run<LoopKind::backward, LoopKind::backward_mask>, sum_grain, [] { return true; },
                                   [](int) { return "success"; }};
  return backend;
}

}  // namespace rectify::detail
