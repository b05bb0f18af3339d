// The ceiling of an op: the fastest way to move exactly the bytes that it must move, between the same tensors, without computing
// anything. It is the best of several movers, plain and past the caches, so that no op can be faster.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace rectify::harness {

/// Memory that an op reads once, or writes once.
struct Stream {
  void* data;
  std::size_t bytes;
  bool is_written;
};

/// One way to move streams: it reads all that are read, and overwrites all that are written. At most 3 and 2 of them have the
/// largest size; streams may share memory, as when an op works in place. On a GPU a call is asynchronous on `stream`.
struct Mover {
  std::string name;
  std::function<void(const std::vector<Stream>&, void* stream)> move;
};

/// The movers of a device that can move these streams.
std::vector<Mover> movers(Device device, const std::vector<Stream>& streams);

/// A figure above this, as a fraction of the ceiling, is a fault of the measurement.
constexpr double ceiling_fault = 1.03;

}  // namespace rectify::harness
