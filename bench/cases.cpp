// Checks an op against the reference, and times it beside its baseline.
#include "cases.hpp"

#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace rectify::bench {
namespace {

using Work = std::function<void()>;

/// The calls in a sample: enough that the cost of reading the clock, or of recording events, does not matter.
int calls_per_sample(const harness::Tools& tools, const Work& call) {
  constexpr double sample_seconds = 1e-3;
  call();
  const double once = std::max(tools.seconds(call), 1e-7);
  return static_cast<int>(std::clamp(sample_seconds / once, 1.0, 1000.0));
}

Work repeated(int times, const Work& call) {
  return [=] {
    for (int i = 0; i < times; ++i) call();
  };
}

Workload workload(const Case& c, const Op& op, Memory& memory) {
  memory.rewind();
  return Workload(op, c.relu, c.dtype, c.elements, memory);
}

/// Runs the op once on random values. Returns "backward: dx at element 17" for a difference, or "" if the results equal the
/// reference.
std::string difference_from_reference(const Workload& work) {
  const Workload block = work.solved_block();
  work.prepare(block);
  work.call()();
  const std::string difference = work.difference(block);
  return difference.empty() ? "" : work.op().name + ": " + difference;
}

/// A copy that moves `bytes`: half of them are read and half are written. It copies x to y, as often as necessary.
Work copy(const Case& c, const Workload& pair, std::int64_t bytes) {
  return [&c, &tools = harness::tools(c.device), from = pair.data(operand("x")), to = pair.data(operand("y")), bytes] {
    for (std::int64_t left = bytes / 2; left > 0; left -= c.tensor_bytes())
      tools.copy(to, from, static_cast<std::size_t>(std::min(left, c.tensor_bytes())));
  };
}

}  // namespace

Row run(const Case& c) {
  const harness::Tools& tools = harness::tools(c.device);
  Memory memory(c.device);
  const Workload work = workload(c, c.op, memory);
  // A copy uses the tensors of the plain forward, which reads one and writes one.
  const Workload other = workload(c, c.against != nullptr ? *c.against : op_called("forward"), memory);
  Row row;
  row.bytes = std::llround(bytes_per_element(c.op, c.relu, c.dtype) * static_cast<double>(c.elements));
  row.difference = difference_from_reference(work);
  if (row.difference.empty() && c.against != nullptr) row.difference = difference_from_reference(other);
  if (!row.difference.empty()) return row;
  if (c.against == nullptr) other.prepare(other.solved_block());
  const Work call = work.call(), baseline = c.against != nullptr ? other.call() : copy(c, other, row.bytes);
  const int calls = calls_per_sample(tools, call), baselines = calls_per_sample(tools, baseline);
  const harness::Paired seconds =
      harness::paired_seconds(tools, c.repetitions, repeated(calls, call), repeated(baselines, baseline));
  row.seconds = seconds.work / calls;
  row.baseline_seconds = seconds.baseline / baselines;
  return row;
}

}  // namespace rectify::bench
