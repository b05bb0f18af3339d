// The cross-validation. The networks of all runs and variants are trained as one: they lie side by side in each tensor,
// [row of the batch, run, variant, channel], so that a layer of all of them is one batched product and one call of rectify.
#pragma once

#include "data.hpp"
#include "machine.hpp"

#include <rectify/rectify.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tune {

/// What one network reached at the end of an epoch. The training loss is the mean over the steps of the epoch; loss and
/// accuracy are those of the network's fold, on which it was not trained.
struct Score {
  double training_loss = 0, loss = 0, accuracy = 0;
};

/// Where the alphas of a hidden layer ended, over its channels and all runs.
struct LearnedAlpha {
  double mean = 0, smallest = 0, largest = 0;
};

/// One layer of all networks, and what a step calls for it.
struct Layer {
  std::int64_t outputs;                            ///< of one network
  Array<float> z, y, gradient;                     ///< [row, network, output]
  Array<float> parameters, gradients, velocities;  ///< weights, then biases, then alphas
  std::int64_t alpha = 0;                          ///< where the alphas begin, [network, output]
  Array<unsigned char> workspace;
  Gemm product, weight_gradient, input_gradient;
  rectify::Relu function = {};
  rectify::Forward forward = {};
  rectify::Backward backward = {};
};

/// Networks whose alphas are all fixed or all learned.
class Training {
 public:
  Training(const Machine& machine, const Settings& settings, const Dataset& data, const std::vector<Variant>& group,
           double most_parameters = 0x1p31);

  /// One step of descent, and after the last one of an epoch the validation.
  void step();

  std::int64_t steps() const { return settings_.epochs * steps_of_an_epoch_; }
  std::int64_t steps_done() const { return epoch_ * steps_of_an_epoch_ + step_; }
  std::int64_t epochs_done() const { return epoch_; }
  std::int64_t networks() const { return networks_; }
  const std::vector<Variant>& variants() const { return variants_; }

  /// Of all runs of a variant, after an epoch.
  std::vector<Score> scores(std::int64_t epoch, std::size_t variant) const;
  /// Of a variant, by hidden layer.
  std::vector<LearnedAlpha> learned_alphas(std::size_t variant) const;

  /// Appends all that training has changed.
  void save(std::string& bits);
  /// Takes it from the front. Throws std::runtime_error if there are too few bits for these settings.
  void restore(std::int64_t steps_done, std::string_view& bits);

 private:
  void add_layer(std::int64_t outputs);
  void initialise(std::size_t l);
  void begin(const Order& order);
  void evaluate(std::int64_t step);
  void descend();
  void end_epoch();
  void reset_totals();
  template <class F>
  void for_each_piece(const F& f);

  Machine machine_;
  Settings settings_;
  std::vector<Variant> variants_;
  std::int64_t width_, runs_, networks_;  ///< networks of a run, runs, networks of all runs
  std::int64_t images_;
  std::int64_t steps_of_an_epoch_, epoch_ = 0, step_ = 0;
  bool under_way_ = false;  ///< the order is that of this epoch
  Array<unsigned char> pixels_, labels_;
  Array<std::int32_t> order_;  ///< of the current epoch
  Array<float> x_;
  Gather gather_;                ///< of the current step
  Array<double> losses_, hits_;  ///< totals, [run, variant]
  std::vector<Layer> layers_;
  std::vector<Score> scores_;  ///< [epoch, run, variant]
};

}  // namespace tune
