// What tests, benchmarks and examples need of a device beside rectify itself: memory, transfers, a plain copy, a clock.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace rectify::harness {

struct Tools {
  std::string (*name)();                                            ///< of the processor or the GPU
  std::shared_ptr<void> (*allocate)(std::size_t bytes);             ///< 256-byte aligned
  void (*upload)(void* to, const void* from, std::size_t bytes);    ///< from host memory; done on return
  void (*download)(void* to, const void* from, std::size_t bytes);  ///< to host memory; done on return
  void (*copy)(void* to, const void* from, std::size_t bytes);      ///< the plain copy that ops are measured against
  double (*seconds)(const std::function<void()>& work);             ///< from the start of the work to its end
};

const Tools& cpu_tools();
/// Null where rectify is built without CUDA.
const Tools* cuda_tools();
const Tools& tools(Device device);

/// "f16", "bf16", "f32", "f64", "u1", "u2".
std::string name(DType dtype);

/// cuda:0 where there is one, else the cpu.
Device best_device();

/// What the ops are measured against: an op and a copy take turns, so that both see the same machine.
struct Paired {
  double work, baseline;  ///< median seconds of each
};
Paired paired_seconds(const Tools& on, int repetitions, const std::function<void()>& work,
                      const std::function<void()>& baseline);

}  // namespace rectify::harness
