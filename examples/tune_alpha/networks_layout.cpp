// Where the networks lie in memory, and what they begin with.
#include "data.hpp"
#include "networks.hpp"
#include "random.hpp"

#include <algorithm>
#include <cmath>

namespace tune {
namespace {

enum Purpose : std::uint32_t { weights_of_a_layer = 3 };

}  // namespace

Networks::Networks(Machine& machine, const Settings& settings, const Input& input, std::vector<Variant> variants)
    : machine_(machine),
      input_(input),
      variants_(std::move(variants)),
      networks_(input.batch.runs * static_cast<std::int64_t>(variants_.size())),
      momentum_(static_cast<float>(settings.momentum)) {
  lay_out(settings);
  allocate();
  initialise(settings);
}

std::int64_t Networks::take(std::int64_t count) {
  const std::int64_t at = size_;
  size_ += (count + 63) / 64 * 64;  // 256 bytes: rectify's vector loops like tensors that begin on a boundary
  return at;
}

void Networks::lay_out(const Settings& settings) {
  std::vector<std::int64_t> outputs = settings.hidden;
  outputs.push_back(classes);
  std::int64_t inputs = input_.pixels;
  for (const std::int64_t width : outputs) {
    Layer layer{};
    layer.inputs = inputs;
    layer.outputs = inputs = width;
    layer.weights = take(networks_ * layer.inputs * width);
    layer.bias = take(networks_ * width);
    layers_.push_back(layer);
  }
  // What is trained is one buffer, so that descent is one call; fixed alphas are another.
  for (std::size_t l = 0; l < hidden_layers(); ++l) {
    const std::int64_t width = networks_ * layers_[l].outputs;
    layers_[l].alpha = learns() ? take(width) : fixed_size_;
    fixed_size_ += width;
  }
  size_ = (size_ + Descend::chunk - 1) / Descend::chunk * Descend::chunk;
}

void Networks::allocate() {
  for (Buffer<float>* buffer : {&parameters_, &gradients_, &velocities_}) *buffer = Buffer<float>(machine_, size_);
  fixed_alphas_ = Buffer<float>(machine_, fixed_size_);
  for (Layer& layer : layers_) {
    const std::int64_t elements = input_.batch.rows * networks_ * layer.outputs;
    const bool last = &layer == &layers_.back();
    layer.z = Buffer<float>(machine_, elements);
    layer.y = learns() && !last ? Buffer<float>(machine_, elements) : layer.z;
    layer.gradient = last ? layer.z : Buffer<float>(machine_, elements);  // the loss turns logits into their gradient
    layer.mask =
        Buffer<unsigned char>(machine_, static_cast<std::int64_t>(rectify::mask_bytes(rectify::DType::u1, {elements})));
  }
  for (Buffer<float>* buffer : {&loss_, &hit_}) *buffer = Buffer<float>(machine_, input_.batch.rows * networks_);
  for (Buffer<double>* buffer : {&total_loss_, &total_hits_}) *buffer = Buffer<double>(machine_, networks_);
  std::size_t bytes = 0;
  for (std::size_t l = 0; l < layers_.size(); ++l)
    bytes = std::max(bytes, rectify::workspace_bytes(function(l), backward_call(l)));
  workspace_ = Buffer<unsigned char>(machine_, static_cast<std::int64_t>(bytes));
  workspace_bytes_ = bytes;
}

/// He's uniform weights, the same for all variants of a run, so that they differ by their alphas alone.
void Networks::initialise(const Settings& settings) {
  std::vector<float> all(static_cast<std::size_t>(size_)), fixed(static_cast<std::size_t>(fixed_size_));
  const std::int64_t of_a_run = static_cast<std::int64_t>(variants_.size());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const double bound = std::sqrt(6.0 / static_cast<double>(layer.inputs));
    for (std::int64_t run = 0; run < input_.batch.runs; ++run) {
      Random random(settings.seed, {weights_of_a_layer, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(run)});
      for (std::int64_t i = 0; i < layer.inputs * layer.outputs; ++i) {
        const float weight = static_cast<float>((2 * random.uniform() - 1) * bound);
        for (std::int64_t v = 0; v < of_a_run; ++v) all[static_cast<std::size_t>(weight_at(l, run, v, i))] = weight;
      }
    }
    for (std::int64_t i = 0; l < hidden_layers() && i < networks_ * layer.outputs; ++i) {
      const auto& variant = variants_[static_cast<std::size_t>(i / layer.outputs % of_a_run)];
      (learns() ? all : fixed)[static_cast<std::size_t>(layer.alpha + i)] = static_cast<float>(variant.alpha);
    }
  }
  parameters_.upload(all);
  fixed_alphas_.upload(fixed);
}

/// The first layer of a run's networks is one product, so their weights are columns of one matrix; later, each has its own.
std::int64_t Networks::weight_at(std::size_t l, std::int64_t run, std::int64_t variant, std::int64_t i) const {
  const Layer& layer = layers_[l];
  const std::int64_t of_a_run = static_cast<std::int64_t>(variants_.size()), row = i / layer.outputs, col = i % layer.outputs;
  if (l == 0) return layer.weights + ((run * layer.inputs + row) * of_a_run + variant) * layer.outputs + col;
  return layer.weights + (run * of_a_run + variant) * layer.inputs * layer.outputs + i;
}

}  // namespace tune
