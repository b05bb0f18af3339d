// Epochs: their images, their scores, and what a saved run consists of.
#include "training.hpp"

#include "harness.hpp"
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace tune {
namespace {

std::string megabytes(double bytes) { return std::to_string(std::llround(bytes / 1e6)) + " MB"; }

/// The number of networks. Throws before anything is allocated if their tensors are too large for BLAS, which counts in 32 bits,
/// or for the free memory.
std::int64_t possible(const Machine& machine, std::int64_t networks, const Settings& settings, const Dataset& data,
                      double most_parameters) {
  const double batch = static_cast<double>(settings.batch), count = static_cast<double>(networks);
  double inputs = static_cast<double>(data.pixels), parameters = 0, values = inputs * batch + static_cast<double>(data.count());
  for (const std::int64_t outputs : settings.hidden) {
    parameters += static_cast<double>(outputs) * inputs;
    values += static_cast<double>(outputs) * batch;
    inputs = static_cast<double>(outputs);
  }
  const std::string advice = ": try fewer --alphas, --folds or --seeds, or a smaller --batch";
  if (count * parameters > most_parameters || count * (parameters + values) >= 0x1p31)
    throw std::runtime_error("the networks are too many or too large" + advice);
  const double needed = 3 * sizeof(float) * count * (parameters + values);  // with gradients and velocities
  const auto free = static_cast<double>(rectify::harness::tools(machine.device).free_bytes());
  if (needed > free)
    throw std::runtime_error("out of memory: the networks need " + megabytes(needed) + ", and " + megabytes(free) +
                             " are free" + advice);
  return networks;
}

}  // namespace

Training::Training(const Machine& machine, const Settings& settings, const Dataset& data, const std::vector<Variant>& group,
                   double most_parameters)
    : machine_(machine),
      settings_(settings),
      variants_(group),
      width_(static_cast<std::int64_t>(group.size())),
      runs_(settings.folds * settings.seeds),
      networks_(possible(machine, runs_ * width_, settings, data, most_parameters)),
      images_(data.count()),
      steps_of_an_epoch_(Order(settings, images_, 0).steps),
      pixels_(machine, images_ * data.pixels),
      labels_(machine, images_),
      order_(machine, runs_ * (images_ + settings.batch)),
      x_(machine, runs_ * settings.batch * data.pixels),
      gather_{runs_ * settings.batch, data.pixels, {}, pixels_.begin(), data.mean, data.scale, x_.begin()},
      losses_(machine, networks_),
      hits_(machine, networks_) {
  std::copy(data.images.begin(), data.images.end(), pixels_.begin());
  std::copy(data.labels.begin(), data.labels.end(), labels_.begin());
  for (const std::int64_t outputs : settings.hidden) add_layer(outputs);
  add_layer(classes);
  for (std::size_t l = 0; l < layers_.size(); ++l) initialise(l);
}

void Training::begin(const Order& order) {
  machine_.wait();
  std::copy(order.images.begin(), order.images.end(), order_.begin());
  gather_.batch = {order_.begin(), settings_.batch, order.steps * settings_.batch};
}

void Training::step() {
  if (!under_way_) begin(Order(settings_, images_, epoch_));
  under_way_ = true;
  evaluate(step_);
  descend();
  if (++step_ == steps_of_an_epoch_) end_epoch();
}

void Training::end_epoch() {
  machine_.wait();
  const double trained = static_cast<double>(steps_of_an_epoch_ * settings_.batch);
  for (const double loss : losses_) scores_.push_back({loss / trained, 0, 0});
  reset_totals();
  const Order validation(settings_, images_, -1);
  begin(validation);
  for (std::int64_t step = 0; step < validation.steps; ++step) evaluate(step);
  machine_.wait();
  for (std::int64_t n = 0; n < networks_; ++n) {
    const std::int32_t* const mine = order_.begin() + n / width_ * gather_.batch.stride;
    const double images =
        static_cast<double>(std::count_if(mine, mine + gather_.batch.stride, [](std::int32_t i) { return i >= 0; }));
    Score& score = scores_[static_cast<std::size_t>(epoch_ * networks_ + n)];
    score.loss = losses_.begin()[n] / images;
    score.accuracy = hits_.begin()[n] / images;
  }
  reset_totals();
  under_way_ = false;
  step_ = 0;
  ++epoch_;
}

void Training::reset_totals() {
  std::fill(losses_.begin(), losses_.end(), 0);
  std::fill(hits_.begin(), hits_.end(), 0);
}

std::vector<Score> Training::scores(std::int64_t epoch, std::size_t variant) const {
  std::vector<Score> found;
  for (std::int64_t n = static_cast<std::int64_t>(variant); n < networks_; n += width_)
    found.push_back(scores_[static_cast<std::size_t>(epoch * networks_ + n)]);
  return found;
}

std::vector<LearnedAlpha> Training::learned_alphas(std::size_t variant) const {
  std::vector<LearnedAlpha> found;
  for (std::size_t l = 0; l + 1 < layers_.size(); ++l) {
    const std::int64_t outputs = layers_[l].outputs;
    std::vector<double> alphas;
    for (std::int64_t n = static_cast<std::int64_t>(variant); n < networks_; n += width_) {
      const float* const first = layers_[l].parameters.begin() + layers_[l].alpha + n * outputs;
      alphas.insert(alphas.end(), first, first + outputs);
    }
    const auto [smallest, largest] = std::minmax_element(alphas.begin(), alphas.end());
    found.push_back({rectify::harness::mean(alphas), *smallest, *largest});
  }
  return found;
}

/// Calls f(begin, bytes) for each piece of memory that a saved run consists of.
template <class F>
void Training::for_each_piece(const F& f) {
  const auto piece = [&](auto* begin, auto* end) {
    f(reinterpret_cast<char*>(begin), static_cast<std::size_t>(end - begin) * sizeof *begin);
  };
  piece(scores_.data(), scores_.data() + scores_.size());
  piece(losses_.begin(), losses_.end());
  for (const Layer& layer : layers_) {
    piece(layer.parameters.begin(), layer.parameters.end());
    piece(layer.velocities.begin(), layer.velocities.end());
  }
}

void Training::save(std::string& bits) {
  machine_.wait();
  for_each_piece([&](const char* from, std::size_t bytes) { bits.append(from, bytes); });
}

void Training::restore(std::int64_t steps_done, std::string_view& bits) {
  if (steps_done < 0 || steps_done > steps()) throw std::runtime_error("its number of steps is impossible");
  epoch_ = steps_done / steps_of_an_epoch_;
  step_ = steps_done % steps_of_an_epoch_;
  const std::size_t scores = static_cast<std::size_t>(epoch_ * networks_);
  const auto require = [&](std::size_t bytes) {
    if (bits.size() < bytes) throw std::runtime_error("its size does not match its settings");
  };
  require(scores * sizeof(Score));
  scores_.resize(scores);
  for_each_piece([&](char* to, std::size_t bytes) {
    require(bytes);
    std::memcpy(to, bits.data(), bytes);
    bits.remove_prefix(bytes);
  });
}

}  // namespace tune
