// An epoch's order and rates go to the machine once; from then on a step needs nothing from here.
#include "training.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tune {
namespace {

std::vector<Variant> of_kind(const Settings& settings, bool fixed) {
  std::vector<Variant> all = variants(settings);
  all.erase(std::remove_if(all.begin(), all.end(), [&](const Variant& v) { return (v.kind == Variant::Kind::fixed) != fixed; }),
            all.end());
  return all;
}

}  // namespace

Training::Training(Machine& machine, const Settings& settings, const Dataset& data)
    : machine_(machine),
      settings_(settings),
      folds_(settings, data.count),
      images_(data.count),
      steps_of_an_epoch_(folds_.training_steps()),
      pixels_(machine, static_cast<std::int64_t>(data.images.size())),
      labels_(machine, data.count),
      position_(machine, 1),
      rates_(machine, steps_of_an_epoch_) {
  const Order validation = folds_.validation();
  const std::int64_t longest = std::max(steps_of_an_epoch_, validation.steps);
  order_ = Buffer<std::int32_t>(machine, longest * folds_.runs() * settings.batch);
  x_ = Buffer<float>(machine, folds_.runs() * settings.batch * data.pixels);
  pixels_.upload(data.images);
  labels_.upload(data.labels);
  const Batch batch{order_.data(), position_.data(), folds_.runs(), settings.batch};
  const Input input{x_.data(), labels_.data(), batch, data.pixels};
  for (const bool fixed : {true, false}) {
    const std::vector<Variant> of_group = of_kind(settings, fixed);
    if (!of_group.empty()) groups_.push_back(std::make_unique<Networks>(machine, settings, input, of_group));
  }
  const Gather gather{batch, pixels_.data(), data.pixels, data.mean, data.scale, x_.data()};
  train_step_ = machine.repeatable([this, gather] {
    machine_.run(gather);
    for (const auto& group : groups_) group->train(rates_.data());
    machine_.run(Advance{position_.data()});
  });
  evaluate_step_ = machine.repeatable([this, gather] {
    machine_.run(gather);
    for (const auto& group : groups_) group->evaluate();
    machine_.run(Advance{position_.data()});
  });
}

std::int64_t Training::networks() const {
  std::int64_t all = 0;
  for (const auto& group : groups_) all += group->count();
  return all;
}

void Training::start(const Order& order) {
  machine_.wait();
  order_.upload(order.images);
  position_.upload({0});
}

/// Also in the midst of one, where a state was restored.
void Training::begin_epoch() {
  start(folds_.training(epoch_));
  position_.upload({step_});
  std::vector<float> rates(static_cast<std::size_t>(steps_of_an_epoch_));
  for (std::int64_t step = 0; step < steps_of_an_epoch_; ++step) {
    const double done = static_cast<double>(epoch_ * steps_of_an_epoch_ + step) / static_cast<double>(steps());
    rates[static_cast<std::size_t>(step)] = static_cast<float>(settings_.rate * (1 - done));
  }
  rates_.upload(rates);
  under_way_ = true;
}

void Training::run(const std::function<bool()>& go_on) {
  constexpr std::int64_t most_in_flight = 16;  // so that what go_on() tells people is not far ahead of the device
  while (!finished()) {
    if (!under_way_) begin_epoch();
    while (step_ < steps_of_an_epoch_) {
      if (!go_on()) return machine_.wait();
      train_step_();
      if (++step_ % most_in_flight == 0) machine_.wait();
    }
    end_epoch();
  }
}

void Training::end_epoch() {
  machine_.wait();
  const int of_each = folds_.runs();
  history_.emplace_back();
  const double trained = static_cast<double>(steps_of_an_epoch_ * settings_.batch);
  for (const auto& group : groups_) {
    const std::vector<double> losses = group->losses();
    for (std::size_t v = 0; v < group->variants().size(); ++v) {
      auto& scores = history_.back().emplace_back(static_cast<std::size_t>(of_each));
      for (std::size_t run = 0; run < scores.size(); ++run)
        scores[run].training_loss = losses[run * group->variants().size() + v] / trained;
    }
  }
  validate();
  for (const auto& group : groups_) group->reset();
  step_ = 0;
  ++epoch_;
  under_way_ = false;
}

void Training::validate() {
  for (const auto& group : groups_) group->reset();
  const Order order = folds_.validation();
  start(order);
  for (std::int64_t step = 0; step < order.steps; ++step) evaluate_step_();
  machine_.wait();
  std::size_t first = 0;
  for (const auto& group : groups_) {
    const std::vector<double> losses = group->losses(), hits = group->hits();
    const std::size_t width = group->variants().size();
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const std::size_t run = i / width;
      const double images = static_cast<double>(folds_.validation_images(static_cast<int>(run)));
      Score& score = history_.back()[first + i % width][run];
      score.loss = losses[i] / images;
      score.accuracy = hits[i] / images;
    }
    first += width;
  }
}

std::vector<LearnedAlpha> Training::learned_alphas(const Variant& variant) const {
  std::vector<LearnedAlpha> all;
  const Networks& group = *groups_.back();
  for (std::size_t l = 0; l < group.hidden_layers(); ++l) {
    const std::vector<float> alphas = group.alphas(l);
    LearnedAlpha found{0, 1e30, -1e30};
    double count = 0;
    for (std::size_t i = 0; i < alphas.size(); ++i) {
      const std::size_t network = i / static_cast<std::size_t>(group.channels(l));
      if (group.variants()[network % group.variants().size()].kind != variant.kind) continue;
      found.mean += static_cast<double>(alphas[i]);
      found.smallest = std::min(found.smallest, static_cast<double>(alphas[i]));
      found.largest = std::max(found.largest, static_cast<double>(alphas[i]));
      ++count;
    }
    found.mean /= count;
    all.push_back(found);
  }
  return all;
}

State Training::state() {
  machine_.wait();
  State state{epoch_, step_, history_, {}};
  for (const auto& group : groups_)
    state.groups.push_back({group->parameters(), group->velocities(), group->losses(), group->hits()});
  return state;
}

void Training::restore(const State& state) {
  if (state.groups.size() != groups_.size()) throw std::runtime_error("the state holds another number of networks");
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const State::Group& from = state.groups[g];
    if (from.parameters.size() != groups_[g]->parameters().size() || from.velocities.size() != from.parameters.size() ||
        from.losses.size() != groups_[g]->losses().size() || from.hits.size() != from.losses.size())
      throw std::runtime_error("the state holds another number of networks");
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    groups_[g]->restore(state.groups[g].parameters, state.groups[g].velocities);
    groups_[g]->set_totals(state.groups[g].losses, state.groups[g].hits);
  }
  epoch_ = state.epoch;
  step_ = state.step;
  history_ = state.history;
  under_way_ = false;
}

std::vector<float> Training::parameters() const {
  std::vector<float> all;
  for (const auto& group : groups_) {
    const std::vector<float> mine = group->parameters();
    all.insert(all.end(), mine.begin(), mine.end());
  }
  return all;
}

}  // namespace tune
