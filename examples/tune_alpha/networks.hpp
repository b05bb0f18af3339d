// Many multilayer perceptrons that are one: the networks of all runs and variants lie side by side in each tensor,
// [row of the batch, network * channel], so that a layer of all of them is one batched product and one call of rectify.
#pragma once

#include "machine.hpp"
#include "settings.hpp"

#include <cstdint>
#include <vector>

namespace tune {

/// What all networks have in common, and where a batch is found.
struct Input {
  const float* x;  ///< [run, row, pixel]
  const unsigned char* labels;
  Batch batch;
  std::int64_t pixels;
};

/// Networks whose alphas are all fixed, or all learned: the first go backward from a mask of one bit an element, the others
/// need x again for the gradient of alpha.
class Networks {
 public:
  Networks(Machine& machine, const Settings& settings, const Input& input, std::vector<Variant> variants);

  /// One step of descent on the batch at hand; losses and hits are added to the totals.
  void train(const float* rates);
  /// Losses and hits of the batch at hand, added to the totals.
  void evaluate();

  std::int64_t count() const { return networks_; }
  const std::vector<Variant>& variants() const { return variants_; }

  /// Totals of loss and hits by network, [run, variant], since the last reset().
  std::vector<double> losses() const { return total_loss_.download(); }
  std::vector<double> hits() const { return total_hits_.download(); }
  void set_totals(const std::vector<double>& losses, const std::vector<double>& hits);
  void reset() { set_totals(std::vector<double>(totals()), std::vector<double>(totals())); }

  /// All alphas of a hidden layer, [run, variant, channel].
  std::vector<float> alphas(std::size_t layer) const;
  std::size_t hidden_layers() const { return layers_.size() - 1; }
  std::int64_t channels(std::size_t layer) const { return layers_[layer].outputs; }

  /// Everything that training changes, bit for bit.
  std::vector<float> parameters() const { return parameters_.download(); }
  std::vector<float> velocities() const { return velocities_.download(); }
  void restore(const std::vector<float>& parameters, const std::vector<float>& velocities);

 private:
  /// Offsets are into the buffers of parameters and gradients.
  struct Layer {
    std::int64_t inputs, outputs;  ///< of one network
    std::int64_t weights, bias, alpha;
    Buffer<float> z, y, gradient;  ///< [row, network * output]; z and y are one where z is not needed again
    Buffer<unsigned char> mask;
  };

  bool learns() const { return variants_.front().kind != Variant::Kind::fixed; }
  std::size_t totals() const { return static_cast<std::size_t>(networks_); }
  void lay_out(const Settings& settings);
  void allocate();
  void initialise(const Settings& settings);
  std::int64_t take(std::int64_t count);
  std::int64_t weight_at(std::size_t l, std::int64_t run, std::int64_t variant, std::int64_t i) const;

  void forward();
  void backward();
  Gemm product(std::size_t l) const;
  Gemm weight_gradient(std::size_t l) const;
  Gemm input_gradient(std::size_t l) const;
  rectify::Forward forward_call(std::size_t l) const;
  rectify::Backward backward_call(std::size_t l) const;
  const rectify::Relu& function(std::size_t l) const;
  rectify::ConstTensorView alpha_of(std::size_t l) const;
  void tie_alphas();

  Machine& machine_;
  Input input_;
  std::vector<Variant> variants_;
  std::int64_t networks_, size_ = 0, fixed_size_ = 0;
  float momentum_;
  std::vector<Layer> layers_;
  Buffer<float> parameters_, gradients_, velocities_, fixed_alphas_, loss_, hit_;
  Buffer<double> total_loss_, total_hits_;
  Buffer<unsigned char> workspace_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace tune
