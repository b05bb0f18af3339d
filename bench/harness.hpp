// What tests, benchmarks and examples need of a device in addition to rectify: memory, transfers, a plain copy, and a clock.
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
  void (*upload)(void* to, const void* from, std::size_t bytes);    ///< from host memory; complete on return
  void (*download)(void* to, const void* from, std::size_t bytes);  ///< to host memory; complete on return
  void (*copy)(void* to, const void* from, std::size_t bytes);      ///< a plain copy, the baseline of benchmarks
  double (*seconds)(const std::function<void()>& work);             ///< the duration of the work
};

const Tools& cpu_tools();
/// Null if rectify is built without CUDA.
const Tools* cuda_tools();
const Tools& tools(Device device);

/// "f16", "bf16", "f32", "f64", "u1", "u2".
std::string name(DType dtype);

/// cuda:0 if there is a GPU, else the CPU.
Device best_device();

/// Times two functions in turn, so that both run under the same conditions.
struct Paired {
  double work, baseline;  ///< median seconds of each
};
Paired paired_seconds(const Tools& on, int repetitions, const std::function<void()>& work,
                      const std::function<void()>& baseline);

}  // namespace rectify::harness
