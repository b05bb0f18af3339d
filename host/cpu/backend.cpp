// The CPU backend: the functions that the seam (core/backend.hpp) calls. A call finds its loop and is divided among threads.
#include "thread.hpp"

#include "../float_environment.hpp"

#include "core/dispatch.hpp"

#include <omp.h>
#include <pthread.h>

#include <cstdint>
#include <memory>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace rectify::detail {
namespace {

constexpr std::int64_t parallel_from_elements = 32768;  // below, waking a thread costs more than it saves

/// The threads of OpenMP's pool do not come along into a forked process, where a call that waits for them never returns.
bool is_forked = false;
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
[[maybe_unused]] const AllLoops& at_load = loops_of_this_machine();

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
void run_call(const Elementwise& call, LoopKind kind) {
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
      if (!sums) process_share(call, of_thread, thread, threads);
      for (std::int64_t i = plan.parts * thread / threads; i < plan.parts * (thread + 1) / threads; ++i)
        of_thread.process_part(i);
#if defined(__SSE2__)
      _mm_sfence();  // before anyone else may read what was stored past the caches
#endif
    }
    if (!sums) return;
    if (threads > 1) {  // with one thread a barrier would be that of a team of the caller's
#pragma omp barrier
    }
    if (plan.parts > 0) add_rows_of_parts<C>(call, plan, work.offsets, thread, threads);
    if (threads > 1) {
#pragma omp barrier
    }
    add_parts<C>(call, plan, work.offsets, thread, threads);
  });
}

template <LoopKind::Op Op, LoopKind::Op OpWithMask>
int run_on_cpu(const Elementwise& call, int, Stream) {
  LoopKind kind{call.mask == nullptr ? Op : OpWithMask, 0, 0, true, false, false};
  const bool limits = call.has(parameter_threshold) || call.has(parameter_max_value);
  kind.operands = call.has(parameter_scale) * reads_scale | call.has(parameter_bias) * reads_bias |
                  (call.residual != nullptr || call.dresidual != nullptr) * reads_residual |
                  call.has(parameter_alpha) * reads_alpha | limits * reads_limits;
  for (int slot = 0; slot < sum_kinds; ++slot) kind.sums |= call.requests(static_cast<SumKind>(slot)) << slot;
  with_float_type(call.dtype, [&](auto t) { run_call<typename decltype(t)::type>(call, kind); });
  return 0;
}

}  // namespace

const Backend& cpu_backend() {
  constexpr auto sum_grain = [](DType dtype) {
    return with_float_type(dtype, [](auto t) { return cpu_sum_grain<Compute<typename decltype(t)::type>>; });
  };
  static constexpr Backend backend{run_on_cpu<LoopKind::forward, LoopKind::forward_mask>,
                                   run_on_cpu<LoopKind::backward, LoopKind::backward_mask>, sum_grain, [] { return true; },
                                   [](int) { return "success"; }};
  return backend;
}

}  // namespace rectify::detail
