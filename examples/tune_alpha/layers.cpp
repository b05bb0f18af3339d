// The layers of Training: their memory, what they begin with, and a step. Machine multiplies matrices; rectify adds biases,
// applies alphas and computes their gradients.
#include "training.hpp"

#include <cmath>

namespace tune {
namespace {

/// Vector loops and threads work on whole chunks.
std::int64_t rounded_up(std::int64_t count, std::int64_t chunk) { return (count + chunk - 1) / chunk * chunk; }

constexpr std::int64_t chunk = 1024;

}  // namespace

void Training::add_layer(std::int64_t outputs) {
  const Layer* const before = layers_.empty() ? nullptr : &layers_.back();
  const bool last = layers_.size() == settings_.hidden.size();
  const std::int64_t rows = settings_.batch, width = networks_ * outputs,
                     inputs = before == nullptr ? gather_.cols : before->outputs;
  const std::int64_t bias = rounded_up(width * inputs, 64), alpha = bias + rounded_up(width, 64);
  const auto array = [&](std::int64_t count) { return Array<float>(machine_, count); };
  Layer layer{};
  layer.outputs = outputs;
  layer.alpha = alpha;
  // The last layer needs one array only, because the loss turns the logits into their gradient.
  layer.z = layer.y = layer.gradient = array(rows * width);
  if (!last) layer.y = array(rows * width);
  if (!last) layer.gradient = array(rows * width);
  for (Array<float>* parameters : {&layer.parameters, &layer.gradients, &layer.velocities})
    *parameters = array(rounded_up(alpha + width, chunk));

  // The networks of a run see the same images, so their first layer is one product.
  const std::int64_t units = before == nullptr ? runs_ : networks_, cols = width / units;
  const Matrix x =
      before == nullptr ? Matrix{x_.begin(), inputs, rows * inputs} : Matrix{before->y.begin(), networks_ * inputs, inputs};
  const Matrix weights{layer.parameters.begin(), cols, inputs * cols}, dz{layer.gradient.begin(), width, cols};
  layer.product = {units, rows, cols, inputs, x, weights, layer.z.begin(), width, cols};
  layer.weight_gradient = {units, inputs, cols, rows, x.transpose(), dz, layer.gradients.begin(), cols, inputs * cols};
  if (before != nullptr)
    layer.input_gradient = {units,        rows,    inputs, cols, dz, weights.transpose(), before->gradient.begin(),
                            x.row_stride, x.stride};

  const auto matrix = [&](const Array<float>& of) { return rectify::TensorView(of.begin(), {rows, width}, machine_.device); };
  const auto vector = [&](float* data) { return rectify::TensorView(data, {width}, machine_.device); };
  layer.forward.channel_axis = layer.backward.channel_axis = -1;
  layer.backward.x = layer.forward.x = matrix(layer.z);
  layer.forward.y = matrix(layer.y);
  layer.forward.bias = vector(layer.parameters.begin() + bias);
  layer.backward.dy = matrix(layer.gradient);
  layer.backward.dbias = vector(layer.gradients.begin() + bias);
  if (last) {
    layer.function = rectify::leaky_relu(1);  // the identity
  } else {
    layer.forward.alpha = layer.backward.alpha = vector(layer.parameters.begin() + alpha);
    layer.backward.bias = layer.forward.bias;
    layer.backward.dx = matrix(layer.gradient);
    if (variants_.front().learned) layer.backward.dalpha = vector(layer.gradients.begin() + alpha);
  }
  const std::size_t bytes = rectify::workspace_bytes(layer.function, layer.backward);
  layer.workspace = Array<unsigned char>(machine_, static_cast<std::int64_t>(bytes));
  layer.backward.workspace = {layer.workspace.begin(), bytes};
  layers_.push_back(layer);
}

/// He's uniform weights. All variants of a run begin with the same weights, so that they differ only by their alphas.
void Training::initialise(std::size_t l) {
  const Layer& layer = layers_[l];
  const std::int64_t outputs = layer.outputs, inputs = layer.product.k;
  const std::int64_t together = l == 0 ? outputs : inputs * outputs;  // weights of one network that lie side by side
  const double bound = std::sqrt(6.0 / static_cast<double>(inputs));
  for (std::int64_t run = 0; run < runs_; ++run) {
    Random random(settings_.seed, {first_weights, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(run)});
    float* const weights = layer.parameters.begin() + run * width_ * inputs * outputs;
    for (std::int64_t i = 0; i < inputs * outputs; ++i) {
      const float weight = static_cast<float>((2 * random.uniform() - 1) * bound);
      for (std::int64_t v = 0; v < width_; ++v) weights[(i / together * width_ + v) * together + i % together] = weight;
    }
  }
  for (std::int64_t n = 0; n < networks_; ++n) {
    float* const alphas = layer.parameters.begin() + layer.alpha + n * outputs;
    std::fill_n(alphas, outputs, static_cast<float>(variants_[static_cast<std::size_t>(n % width_)].alpha));
  }
}

void Training::evaluate(std::int64_t step) {
  gather_.batch.images = order_.begin() + step * settings_.batch;
  machine_.run(gather_);
  for (const Layer& layer : layers_) {
    machine_.multiply(layer.product);
    rectify::forward(layer.function, layer.forward, machine_.stream);
  }
  machine_.run(SoftmaxCrossEntropy{networks_, 1, gather_.batch, labels_.begin(), width_, classes, layers_.back().z.begin(),
                                   losses_.begin(), hits_.begin()});
}

void Training::descend() {
  const double done = static_cast<double>(steps_done()) / static_cast<double>(steps());
  const float rate = static_cast<float>(settings_.rate * (1 - done)), momentum = static_cast<float>(settings_.momentum);
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    rectify::backward(layer->function, layer->backward, machine_.stream);
    machine_.multiply(layer->weight_gradient);
    if (layer + 1 != layers_.rend()) machine_.multiply(layer->input_gradient);
    float *const gradients = layer->gradients.begin(), *const parameters = layer->parameters.begin();
    if (layer->backward.dalpha.present())  // of the two variants that learn, the first has one alpha per layer
      machine_.run(TieAlphas{runs_, 1, width_ * layer->outputs, layer->outputs, gradients + layer->alpha});
    machine_.run(Descend{(layer->parameters.end() - parameters) / chunk, chunk, rate, momentum, gradients,
                         layer->velocities.begin(), parameters});
  }
}

}  // namespace tune
