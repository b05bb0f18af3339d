// The CPU backend: its table of functions for core/backend.hpp, through which host/ops.cpp calls it. A call is given a loop
// (loops_of_this_machine) and divided among threads, which do the work (thread.hpp).
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

constexpr std::int64_t parallel_from_elements = 32768;  // for fewer, waking a thread costs more than it saves

/// A forked process has none of the threads in OpenMP's pool, and a call that waited for them would never return.
bool is_forked = false;
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { is_forked = true; });
[[maybe_unused]] const AllLoops& at_load = loops_of_this_machine();

/// Calls work(memory, thread, threads) in each thread of a team; each has `values` values of memory, on cache lines of its own.
template <class C, class Work>
void in_each_thread(std::int64_t values, int threads, const Work& work) {
  struct alignas(line_bytes) Line {
    C values[line_bytes / sizeof(C)];
  };
  const std::int64_t line_values = line_bytes / sizeof(C), lines = (values + line_values - 1) / line_values;
  const std::unique_ptr<Line[]> memory(lines > 0 ? new Line[static_cast<std::size_t>(lines * threads)] : nullptr);
  C* const all_values = reinterpret_cast<C*>(memory.get());
  if (threads == 1) return work(all_values, 0, 1);
#pragma omp parallel num_threads(threads)
  {
    const DefaultFloatEnvironment environment;  // host/ops.cpp has set it in the calling thread only
    const int thread = omp_get_thread_num();
    work(all_values + thread * lines * line_values, thread, omp_get_num_threads());
  }
}

/// A barrier, unless there is one thread: then it would be a barrier of the team, if any, that the caller is in.
void wait_for_all(int threads) {
  if (threads == 1) return;
#pragma omp barrier
}

/// One thread's work: its share of the elements; or its parts of the sums, and then its channels of the second pass. The order
/// of additions does not depend on the number of threads.
template <class T>
void process_in_thread(const SharedCall<T>& shared, Compute<T>* memory, int thread, int threads) {
  using C = Compute<T>;
  const Elementwise& call = shared.call;
  const SumPlan& plan = shared.plan;
  const bool has_sums = shared.loop.sums != 0;
  if (call.layout.elements > 0) {
    SpanRunner<T> runner(shared, memory);
    if (!has_sums) process_share(call, runner, thread, threads);
    for (std::int64_t i = plan.parts * thread / threads; i < plan.parts * (thread + 1) / threads; ++i) runner.process_part(i);
#if defined(__SSE2__)
    _mm_sfence();  // other threads may read what was stored past the caches only after a fence
#endif
  }
  if (!has_sums) return;
  wait_for_all(threads);
  if (plan.parts > 0) add_rows_of_parts<C>(call, plan, shared.offsets, thread, threads);
  wait_for_all(threads);
  add_parts<C>(call, plan, shared.offsets, thread, threads);
}

template <class T>
void run_call(const Elementwise& call, LoopKind kind) {
  using C = Compute<T>;
  const Scalars<C> scalars = scalars_of<C>(call);
  kind.capped = kind.op == LoopKind::backward_mask ? call.mask_bits == 2 : scalars.f.max_value < no_cap<C>;
  kind.flat = scalars.f.alpha == 0;
  kind.gained = call.gain != 1;
  const SumPlan plan = kind.sums != 0 ? plan_sums(call.layout, sums_per_channel(call), cpu_sum_grain<C>) : SumPlan{};
  const Loops<T>& loops = loops_of_this_machine();
  // Not `parallel if`, which makes a team of one thread: entering it takes longer than a small call.
  const int threads = call.layout.elements < parallel_from_elements || is_forked ? 1 : omp_get_max_threads();
  const SharedCall<T> shared{call, scalars, loops.find(kind), plan, sum_offsets(call, plan), threads};
  in_each_thread<C>(shared.values_per_thread(), threads,
                    [&](C* memory, int thread, int team) { process_in_thread(shared, memory, thread, team); });
}

template <LoopKind::Op Op, LoopKind::Op OpWithMask>
int run_on_cpu(const Elementwise& call, int, Stream) {
  LoopKind kind{call.mask == nullptr ? Op : OpWithMask, 0, 0, true, false, false};
  kind.operands = call.operand_bits() | (call.dresidual != nullptr ? WithResidual::bits : 0);
  for (int sum = 0; sum < sum_kinds; ++sum) kind.sums |= call.requests(static_cast<SumKind>(sum)) << sum;
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
