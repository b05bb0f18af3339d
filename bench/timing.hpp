// How long work on a device takes.
#pragma once

#include "sampling.hpp"

#include <rectify/tensor_view.hpp>

#include <functional>

namespace rectify::harness {

/// Queues calls on a stream; on the CPU, where the stream is null, it makes them.
using Work = std::function<void(void* stream)>;

/// A function that runs the work and returns how long it took: on a GPU between two events on a stream of its own. As a graph, the
/// work is captured once and only replayed after that; the CPU has no graphs.
std::function<Duration()> stopwatch(Device device, const Work& work, bool as_graph);

}  // namespace rectify::harness
