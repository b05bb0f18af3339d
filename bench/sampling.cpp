// Takes samples in turns, until they are precise enough or time is up.
#include "sampling.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace rectify::harness {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// A contender, how many calls fill a sample, and its samples so far.
struct Sampled {
  const Contender& contender;
  int calls = 1;
  std::vector<double> seconds = {}, host_seconds = {};

  Duration run(int times) const {
    if (contender.before) contender.before();
    return contender.run(times);
  }

  /// Warms up, and finds how many calls fill a sample. Doubles them, because a first call may be a hundred times slower.
  void calibrate(double sample_seconds) {
    run(1);
    double once = run(1).seconds;
    while (once * calls < sample_seconds && calls < contender.most_calls) {
      calls = std::min(calls * 2, contender.most_calls);
      once = run(calls).seconds / calls;
    }
    calls = static_cast<int>(std::clamp(std::ceil(sample_seconds / std::max(once, 1e-9)), 1.0, 1.0 * contender.most_calls));
    calls = (calls + contender.multiple - 1) / contender.multiple * contender.multiple;
  }

  void take() {
    const Duration taken = run(calls);
    seconds.push_back(taken.seconds / calls);
    host_seconds.push_back(taken.host_seconds / calls);
  }

  Samples all() const { return {seconds, calls, Samples(host_seconds, calls, 0).median()}; }

  /// The relative standard error of the median, if the samples were of a normal distribution; by the quartiles, so that a few
  /// late samples do not count.
  double error() const {
    const Samples so_far(seconds, calls, 0);
    const double deviation = (so_far.quantile(0.75) - so_far.quantile(0.25)) / 1.349;
    return 1.2533 * deviation / std::sqrt(static_cast<double>(seconds.size())) / so_far.median();
  }
};

bool precise(const std::vector<Sampled>& all, double noise) {
  return std::all_of(all.begin(), all.end(), [&](const Sampled& each) { return each.error() <= noise; });
}

}  // namespace

Samples::Samples(std::vector<double> seconds, int calls, double host_seconds)
    : seconds_(std::move(seconds)), calls_(calls), host_seconds_(host_seconds) {
  std::sort(seconds_.begin(), seconds_.end());
}

double Samples::quantile(double q) const {
  if (seconds_.empty()) return std::nan("");
  const double at = q * static_cast<double>(seconds_.size() - 1);
  const auto below = static_cast<std::size_t>(at), above = std::min(below + 1, seconds_.size() - 1);
  return seconds_[below] + (at - static_cast<double>(below)) * (seconds_[above] - seconds_[below]);
}

std::vector<Samples> sample_in_turns(const std::vector<Contender>& contenders, const Rules& rules,
                                     const std::function<bool()>& ended) {
  std::vector<Sampled> all;
  for (const Contender& contender : contenders) all.push_back({contender});
  for (Sampled& each : all) {
    if (!ended()) each.calibrate(rules.sample_seconds);
  }
  const Clock::time_point begin = Clock::now();
  for (int turn = 0; !ended(); ++turn) {
    if (turn >= rules.samples &&
        (turn >= rules.most_samples || seconds_since(begin) > rules.seconds || precise(all, rules.noise)))
      break;
    // The order rotates and, every other turn, is reversed, so that none always follows the same other.
    const auto first = static_cast<std::size_t>(turn) % all.size();
    for (std::size_t i = 0; i < all.size() && !ended(); ++i)
      all[(first + (turn % 2 == 0 ? i : all.size() - i)) % all.size()].take();
  }
  std::vector<Samples> samples;
  for (const Sampled& each : all) samples.push_back(each.all());
  return samples;
}

std::vector<std::size_t> fastest(const std::vector<Contender>& contenders, std::size_t count,
                                 const std::function<bool()>& ended) {
  Rules few;
  few.samples = few.most_samples = 3;
  const std::vector<Samples> seen = sample_in_turns(contenders, few, ended);
  std::vector<std::size_t> order(contenders.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return seen[a].median() < seen[b].median(); });
  order.resize(std::min(count, order.size()));
  return order;
}

}  // namespace rectify::harness
