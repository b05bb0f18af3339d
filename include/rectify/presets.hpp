// Presets: the function under the names and with the defaults of other systems. A preset is in the namespace of its system,
// because the defaults of systems differ.
#pragma once

#include <rectify/relu.hpp>

namespace rectify {

/// max(x, 0), with NaN for NaN.
constexpr Relu relu() { return {}; }
/// min(max(x, 0), 6), with NaN for NaN.
constexpr Relu relu6() { return {0, 0, 6}; }
/// x above 0, else alpha * x. alpha has no default here, because systems differ in theirs: 0.01 (PyTorch, JAX, ONNX), 0.2
/// (tf.nn) or 0.3 (Keras's layer).
constexpr Relu leaky_relu(double alpha) { return {alpha}; }

/// One namespace for each system, with its names and defaults. docs/semantics.md lists the inputs for which the systems compute
/// other results.
namespace presets {

/// torch.nn.functional
namespace torch {
using rectify::relu;
using rectify::relu6;
/// F.leaky_relu and nn.LeakyReLU
constexpr Relu leaky_relu(double negative_slope = 0.01) { return {negative_slope}; }
}  // namespace torch

/// keras.activations, and the layers named below
namespace keras {
/// keras.activations.relu(x, alpha, max_value, threshold), in Keras 2's argument order; Keras 3 calls alpha negative_slope.
constexpr Relu relu(double alpha = 0, double max_value = Relu{}.max_value, double threshold = 0) {
  return {alpha, threshold, max_value};
}
using rectify::relu6;
/// The layer LeakyReLU. The function keras.activations.leaky_relu has the default of TensorFlow instead, 0.2.
constexpr Relu leaky_relu(double alpha = 0.3) { return {alpha}; }
/// Keras 2's layer ThresholdedReLU: x above theta, else 0. Keras 3 has it as keras.activations.threshold(x, theta, 0).
constexpr Relu thresholded_relu(double theta = 1) { return {0, theta}; }
}  // namespace keras

/// tf.nn
namespace tf {
using rectify::relu;
using rectify::relu6;
/// tf.nn.leaky_relu. TensorFlow keeps alpha in float32, so for f64 tensors leaky_relu(double(0.2f)) gives the bits of
/// TensorFlow.
constexpr Relu leaky_relu(double alpha = 0.2) { return {alpha}; }
}  // namespace tf

/// jax.nn
namespace jax {
using rectify::relu;
using rectify::relu6;
/// jax.nn.leaky_relu, except for the slope at 0, which is 1 in JAX.
constexpr Relu leaky_relu(double negative_slope = 0.01) { return {negative_slope}; }
}  // namespace jax

/// Operators of ONNX
namespace onnx {
using rectify::relu;
/// LeakyRelu. ONNX keeps alpha in float32, so for f64 tensors leaky_relu(double(0.01f)) gives the bits of ONNX.
constexpr Relu leaky_relu(double alpha = 0.01) { return {alpha}; }
/// ThresholdedRelu: x above alpha, else 0; this alpha is a threshold, not a slope. ONNX turns NaN into 0, this function does
/// not.
constexpr Relu thresholded_relu(double alpha = 1) { return {0, alpha}; }
}  // namespace onnx

}  // namespace presets
}  // namespace rectify
