// The function under its many names. A preset carries the name of the system whose default it is, because the defaults differ.
#pragma once

#include <rectify/relu.hpp>

namespace rectify {

constexpr Relu relu() { return {}; }
constexpr Relu relu6() { return {0, 0, 6}; }
/// No default: 0.01 (PyTorch, JAX, ONNX), 0.2 (tf.nn) and 0.3 (Keras's layer) are three people's choices of one hyperparameter.
constexpr Relu leaky_relu(double alpha) { return {alpha}; }

namespace presets {

namespace torch {
using rectify::relu;
using rectify::relu6;
constexpr Relu leaky_relu(double negative_slope = 0.01) { return {negative_slope}; }
}  // namespace torch

namespace keras {
/// Keras 2's argument order; Keras 3 calls alpha negative_slope.
constexpr Relu relu(double alpha = 0, double max_value = Relu{}.max_value, double threshold = 0) {
  return {alpha, threshold, max_value};
}
using rectify::relu6;
/// The default of the layer LeakyReLU; the function keras.activations.leaky_relu has tf's 0.2.
constexpr Relu leaky_relu(double alpha = 0.3) { return {alpha}; }
constexpr Relu thresholded_relu(double theta = 1) { return {0, theta}; }
}  // namespace keras

namespace tf {
using rectify::relu;
using rectify::relu6;
constexpr Relu leaky_relu(double alpha = 0.2) { return {alpha}; }
}  // namespace tf

namespace jax {
using rectify::relu;
using rectify::relu6;
constexpr Relu leaky_relu(double negative_slope = 0.01) { return {negative_slope}; }
}  // namespace jax

namespace onnx {
using rectify::relu;
constexpr Relu leaky_relu(double alpha = 0.01) { return {alpha}; }
constexpr Relu thresholded_relu(double alpha = 1) { return {0, alpha}; }
}  // namespace onnx

}  // namespace presets
}  // namespace rectify
