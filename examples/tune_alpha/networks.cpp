// A step of all networks of a group: products from Machine, everything between them from rectify. Where things lie is said in
// networks_layout.cpp.
#include "networks.hpp"

#include "data.hpp"

#include <rectify/rectify.hpp>

namespace tune {
namespace {

using rectify::DType;
using rectify::Relu;
using rectify::TensorView;

/// With alpha 1 the function is the identity: the last layer's bias and its gradient are rectify's work too.
constexpr Relu identity = rectify::leaky_relu(1);
/// Where alpha is a tensor, the number in Relu is not looked at.
constexpr Relu by_tensor = rectify::relu();

}  // namespace

Gemm Networks::product(std::size_t l) const {
  const Layer& layer = layers_[l];
  const std::int64_t rows = input_.batch.rows, width = networks_ * layer.outputs;
  const std::int64_t units = l == 0 ? input_.batch.runs : networks_, cols = width / units;
  const Matrix x = l == 0 ? Matrix{input_.x, layer.inputs, rows * layer.inputs}
                          : Matrix{layers_[l - 1].y.data(), networks_ * layer.inputs, layer.inputs};
  const Matrix weights{parameters_.data() + layer.weights, cols, layer.inputs * cols};
  return {units, rows, cols, layer.inputs, x, weights, layer.z.data(), width, cols};
}

Gemm Networks::weight_gradient(std::size_t l) const {
  const Gemm p = product(l);
  const Matrix x{p.a.data, p.a.row_stride, p.a.stride, true};
  const Matrix dz{layers_[l].gradient.data(), p.c_row_stride, p.c_stride};
  return {p.units, p.k, p.n, p.m, x, dz, gradients_.data() + layers_[l].weights, p.n, p.k * p.n};
}

Gemm Networks::input_gradient(std::size_t l) const {
  const Gemm p = product(l);
  const Matrix dz{layers_[l].gradient.data(), p.c_row_stride, p.c_stride};
  const Matrix weights{p.b.data, p.b.row_stride, p.b.stride, true};
  return {p.units, p.m, p.k, p.n, dz, weights, layers_[l - 1].gradient.data(), p.a.row_stride, p.a.stride};
}

const Relu& Networks::function(std::size_t l) const { return l < hidden_layers() ? by_tensor : identity; }

rectify::Forward Networks::forward_call(std::size_t l) const {
  const Layer& layer = layers_[l];
  const std::int64_t width = networks_ * layer.outputs;
  const rectify::Shape shape{input_.batch.rows, width};
  rectify::Forward call;
  call.channel_axis = -1;
  call.x = TensorView(layer.z.data(), shape, machine_.device());
  call.bias = TensorView(parameters_.data() + layer.bias, {width}, machine_.device());
  call.y = TensorView(layer.y.data(), shape, machine_.device());
  if (l == hidden_layers()) return call;
  call.alpha = alpha_of(l);
  if (!learns()) call.mask = TensorView(layer.mask.data(), DType::u1, shape, machine_.device());
  return call;
}

rectify::Backward Networks::backward_call(std::size_t l) const {
  const Layer& layer = layers_[l];
  const rectify::Forward of = forward_call(l);
  rectify::Backward call;
  call.channel_axis = -1;
  call.dy = TensorView(layer.gradient.data(), of.x.shape(), machine_.device());
  call.dbias = TensorView(gradients_.data() + layer.bias, of.bias.shape(), machine_.device());
  call.workspace = {workspace_.data(), workspace_bytes_};
  if (l == hidden_layers()) {
    call.x = call.dy;  // the identity's slope is 1 at every x
    return call;
  }
  call.dx = TensorView(layer.gradient.data(), of.x.shape(), machine_.device());
  call.alpha = of.alpha;
  call.mask = of.mask;
  if (learns()) {
    call.x = of.x;
    call.bias = of.bias;
    call.dalpha = TensorView(gradients_.data() + layer.alpha, of.alpha.shape(), machine_.device());
  }
  return call;
}

rectify::ConstTensorView Networks::alpha_of(std::size_t l) const {
  const Buffer<float>& buffer = learns() ? parameters_ : fixed_alphas_;
  return TensorView(buffer.data() + layers_[l].alpha, {networks_ * layers_[l].outputs}, machine_.device());
}

void Networks::forward() {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    machine_.run(product(l));
    rectify::forward(function(l), forward_call(l), machine_.stream());
  }
  Layer& last = layers_.back();
  const std::int64_t of_a_run = static_cast<std::int64_t>(variants_.size());
  machine_.run(
      SoftmaxCrossEntropy{input_.batch, input_.labels, networks_, of_a_run, classes, last.z.data(), loss_.data(), hit_.data()});
  machine_.run(Tally{input_.batch.rows, networks_, loss_.data(), hit_.data(), total_loss_.data(), total_hits_.data()});
}

void Networks::backward() {
  for (std::size_t l = layers_.size(); l-- > 0;) {
    rectify::backward(function(l), backward_call(l), machine_.stream());
    machine_.run(weight_gradient(l));
    if (l > 0) machine_.run(input_gradient(l));
  }
  tie_alphas();
}

void Networks::tie_alphas() {
  for (std::size_t v = 0; v < variants_.size(); ++v) {
    if (variants_[v].kind != Variant::Kind::learned_per_layer) continue;
    for (std::size_t l = 0; l < hidden_layers(); ++l) {
      const std::int64_t width = layers_[l].outputs, first = layers_[l].alpha + static_cast<std::int64_t>(v) * width;
      const std::int64_t of_a_run = static_cast<std::int64_t>(variants_.size()) * width;
      machine_.run(TieAlphas{input_.batch.runs, of_a_run, width, gradients_.data() + first});
    }
  }
}

void Networks::train(const float* rates) {
  forward();
  backward();
  machine_.run(
      Descend{size_, rates, input_.batch.position, momentum_, gradients_.data(), velocities_.data(), parameters_.data()});
}

void Networks::evaluate() { forward(); }

void Networks::set_totals(const std::vector<double>& losses, const std::vector<double>& hits) {
  total_loss_.upload(losses);
  total_hits_.upload(hits);
}

std::vector<float> Networks::alphas(std::size_t layer) const {
  const std::vector<float> all = (learns() ? parameters_ : fixed_alphas_).download();
  const auto first = all.begin() + layers_[layer].alpha;
  return {first, first + networks_ * layers_[layer].outputs};
}

void Networks::restore(const std::vector<float>& parameters, const std::vector<float>& velocities) {
  parameters_.upload(parameters);
  velocities_.upload(velocities);
}

}  // namespace tune
