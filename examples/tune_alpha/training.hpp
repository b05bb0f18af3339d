// The cross-validation: all networks through all epochs, what each of them reached, and a state from which to go on.
#pragma once

#include "data.hpp"
#include "networks.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace tune {

/// What one network reached at the end of an epoch; the loss of training is the mean over the epoch as it went.
struct Score {
  double training_loss = 0, loss = 0, accuracy = 0;  ///< the last two of its fold, which it was not trained on
};

/// scores[epoch][variant][run]
using History = std::vector<std::vector<std::vector<Score>>>;

/// Everything that going on needs. Of the two groups of networks, fixed and learned, whichever there are.
struct State {
  struct Group {
    std::vector<float> parameters, velocities;
    std::vector<double> losses, hits;  ///< of the epoch that is under way
  };
  int epoch = 0;
  std::int64_t step = 0;
  History history;
  std::vector<Group> groups;
};

/// An alpha that was learned: over the channels and runs, in one layer.
struct LearnedAlpha {
  double mean = 0, smallest = 0, largest = 0;
};

class Training {
 public:
  Training(Machine& machine, const Settings& settings, const Dataset& data);

  /// To the end, or until go_on() says no, which is asked before every step.
  void run(const std::function<bool()>& go_on);

  bool finished() const { return epoch_ == settings_.epochs; }
  /// Steps of descent that are done, and of the whole.
  std::int64_t steps_done() const { return epoch_ * steps_of_an_epoch_ + step_; }
  std::int64_t steps() const { return settings_.epochs * steps_of_an_epoch_; }
  int epoch() const { return epoch_; }
  std::int64_t networks() const;

  const History& history() const { return history_; }
  /// Of a learned variant, by hidden layer.
  std::vector<LearnedAlpha> learned_alphas(const Variant& variant) const;

  State state();
  /// Throws std::runtime_error where the state is of other settings.
  void restore(const State& state);

  /// The bits of all parameters, group after group.
  std::vector<float> parameters() const;

 private:
  void begin_epoch();
  void end_epoch();
  void validate();
  void start(const Order& order);

  Machine& machine_;
  Settings settings_;
  Folds folds_;
  std::int64_t images_, steps_of_an_epoch_;
  Buffer<unsigned char> pixels_, labels_;
  Buffer<std::int32_t> order_;
  Buffer<std::int64_t> position_;
  Buffer<float> rates_, x_;
  std::vector<std::unique_ptr<Networks>> groups_;
  std::function<void()> train_step_, evaluate_step_;
  int epoch_ = 0;
  std::int64_t step_ = 0;
  bool under_way_ = false;
  History history_;
};

}  // namespace tune
