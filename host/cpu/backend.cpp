// The CPU backend's table: how a call finds its loops, and its way through threads.
#include "thread.hpp"

#include "../float_environment.hpp"

#include <rectify/detail/dispatch.hpp>
#include <rectify/detail/operand_set.hpp>
#include <rectify/detail/sums.hpp>

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#if defined(__unix__)
#include <pthread.h>
#endif

namespace rectify::detail {
namespace {

constexpr std::int64_t parallel_from_elements = 32768;  // below, waking a thread costs more than it saves
constexpr std::int64_t sweep_from_bytes = 256 << 10;    // of a row of x; below, x is still in the cache for the next repeat
constexpr std::int64_t grain = 4096;                    // elements; whole tiles of every type, and whole bytes of every mask

/// The threads of OpenMP's pool do not come along into a forked process, where a call that waits for them never returns.
bool is_forked = false;
#if defined(__unix__)
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
#endif

/// The way through the elements: rows of a layout's [rows, repeats, row], a grain of a row at a time under all its repeats.
struct Walk {
  std::int64_t rows = 1, repeats = 1, row;

  /// One row; or, where x is one tensor under many and its row would have left the cache by the next repeat, x's rows, so that
  /// it comes from memory once.
  static Walk through(const Elementwise& call, std::size_t element_bytes) {
    const Layout& layout = call.layout;
    const bool whole_bytes = call.mask == nullptr || layout.row % 8 == 0;
    const bool leaves_cache = layout.row >= sweep_from_bytes / static_cast<std::int64_t>(element_bytes);
    if (layout.repeats == 1 || !whole_bytes || !leaves_cache) return {1, 1, layout.elements};
    return {layout.elements / (layout.row * layout.repeats), layout.repeats, layout.row};
  }

  template <class T>
  void run_share(Thread<T>& of_thread, std::int64_t thread, std::int64_t threads) const {
    const std::int64_t grains = (row + grain - 1) / grain;
    const std::int64_t begin = rows * grains * thread / threads, end = rows * grains * (thread + 1) / threads;
    if (repeats == 1)
      return of_thread.run(std::min(begin * grain, row), std::min(end * grain, row) - std::min(begin * grain, row));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = i % grains * grain, count = std::min(grain, row - at);
      for (std::int64_t repeat = 0; repeat < repeats; ++repeat)
        of_thread.run((i / grains * repeats + repeat) * row + at, count);
    }
  }
};

/// run(memory, thread, threads) in each thread of a team, with `numbers` of memory for each. That of a small call is on the stack.
template <class C, class Run>
void in_threads(std::int64_t numbers, int threads, const Run& run) {
  struct alignas(line_bytes) MemoryLine {
    C numbers[line_bytes / sizeof(C)];
  };
  constexpr std::int64_t in_line = line_bytes / sizeof(C), few = 64;
  const std::int64_t lines = (numbers + in_line - 1) / in_line;
  MemoryLine on_stack[few];
  const std::unique_ptr<MemoryLine[]> owned(lines * threads > few ? new MemoryLine[static_cast<std::size_t>(lines * threads)]
                                                                  : nullptr);
  C* const memory = (owned ? owned.get() : on_stack)->numbers;
  if (threads == 1) return run(memory, 0, 1);
#pragma omp parallel num_threads(threads)
  {
    const DefaultFloatEnvironment environment;  // the calling thread's is that of ops.cpp
    run(memory + omp_get_thread_num() * lines * in_line, omp_get_thread_num(), omp_get_num_threads());
  }
}

/// Not `parallel if`: that makes a team of one, which takes longer than a small call.
int threads_for(std::int64_t elements) { return elements < parallel_from_elements || is_forked ? 1 : omp_get_max_threads(); }

/// All elements, or all parts of the sums and then the sums; by threads, in an order that their number does not change.
template <class T>
void run(const Elementwise& call, LoopKind kind) {
  using C = Compute<T>;
  const Rectifier<C> f = rounded<C>(call.relu);
  kind.capped = kind.op == LoopKind::backward_mask ? call.mask_bits == 2 : f.max_value < no_cap<C>;
  kind.flat = f.alpha == 0;
  const bool sums = kind.sums != SumsOf::none;
  const SumPlan plan = sums ? plan_sums(call.layout, sums_per_channel(call), cpu_sum_grain<C>) : SumPlan{};
  const Loops<T> loops = loops_of_this_machine<T>();
  LoopKind in_bands = kind;
  in_bands.in_bands = true;
  const Work<T> work{call,
                     f,
                     kind,
                     loops.find(kind),
                     sums ? loops.find(in_bands) : nullptr,
                     loops.widen,
                     plan,
                     sum_offsets(call, plan),
                     threads_for(call.layout.elements)};
  const Walk walk = Walk::through(call, sizeof(T));
  in_threads<C>(work.memory(), work.threads, [&](C* memory, int thread, int threads) {
    if (call.layout.elements > 0) {
      Thread<T> of_thread(work, memory);
      if (!sums) walk.run_share(of_thread, thread, threads);
      for (std::int64_t i = plan.parts * thread / threads; i < plan.parts * (thread + 1) / threads; ++i) of_thread.run_part(i);
      finish_streams();
    }
    if (!sums) return;
    const auto wait = [threads] {
      if (threads > 1) {
#pragma omp barrier
      }
    };
    wait();
    if (plan.parts > 0) gather_rows<C>(call, plan, work.offsets, thread, threads);
    wait();
    finish_sums<C>(call, plan, work.offsets, thread, threads);
  });
}

/// The smallest set of operands that serves; dresidual is stored where a residual may be read.
Operands operands_of(const Elementwise& call) {
  const Operands read = with_operand_set(call, false, [](auto set) { return operands_in<decltype(set)>; });
  if (call.dresidual == nullptr || read == Operands::residual) return read;
  return read == Operands::none ? Operands::residual : Operands::all;
}

int forward(const Elementwise& call, int, Stream) {
  const LoopKind kind{call.mask == nullptr ? LoopKind::forward : LoopKind::forward_mask, operands_of(call)};
  with_float_type(call.dtype, [&](auto t) { run<typename decltype(t)::type>(call, kind); });
  return 0;
}

/// Of the loops that there are (loop_body.hpp). Sums that are not asked for are added up with the others of their kind, and dropped; a
/// neutral scale changes no bit.
LoopKind backward_kind(const Elementwise& call) {
  const Operands own = operands_of(call);
  const bool none = own == Operands::none, input = none || own == Operands::bias || own == Operands::scale;
  const bool function = call.asks(sum_threshold) || call.asks(sum_max_value), alpha = call.asks(sum_alpha);
  const bool scale = call.asks(sum_scale), bias = call.asks(sum_bias), only_bias = !function && !alpha && !scale;
  if (call.mask != nullptr) {
    if (call.has_sums() && none && only_bias) return {LoopKind::backward_mask, own, SumsOf::bias};
    if (call.has_sums()) return {LoopKind::backward_mask, Operands::all, SumsOf::all};
    return {LoopKind::backward_mask, none || own == Operands::residual ? own : Operands::all};
  }
  if (!call.has_sums()) return {LoopKind::backward, own};
  if (only_bias && (none || own == Operands::bias)) return {LoopKind::backward, own, SumsOf::bias};
  if (own == Operands::scale && !function && !alpha) return {LoopKind::backward, own, SumsOf::scale};
  if ((none || own == Operands::alpha) && !function && !scale && !bias)
    return {LoopKind::backward, Operands::alpha, SumsOf::alpha};
  return {LoopKind::backward, input ? Operands::scale : Operands::all, SumsOf::all};
}

int backward(const Elementwise& call, int, Stream) {
  with_float_type(call.dtype, [&](auto t) { run<typename decltype(t)::type>(call, backward_kind(call)); });
  return 0;
}

SumGrain sum_grain(DType dtype) {
  return with_float_type(dtype, [](auto t) { return cpu_sum_grain<Compute<typename decltype(t)::type>>; });
}

}  // namespace

const Backend& cpu_backend() {
  static constexpr Backend backend{forward, backward, sum_grain, [] { return true; }, [](int) { return "success"; }};
  return backend;
}

}  // namespace rectify::detail
