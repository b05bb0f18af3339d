// How times are taken: contenders take turns, sample by sample, so that what disturbs the machine disturbs all of them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace rectify::harness {

/// The duration of some calls, and for how long the host was busy with them. On the CPU both are the same.
struct Duration {
  double seconds = 0, host_seconds = 0;
};

/// A program to time. `run(calls)` makes that many calls in a row.
struct Contender {
  std::string name;
  std::function<Duration(int)> run;
  std::function<void()> before = {};  ///< what a sample needs first and is not timed; may be empty
  int most_calls = 1000;              ///< of a sample
  int multiple = 1;                   ///< a sample has a multiple of so many calls
};

struct Rules {
  int samples = 11;              ///< least number of each contender, unless the run is to end
  int most_samples = 101;        ///< of each, unless more are the least
  double seconds = 1;            ///< after which no further sample is taken, once there are enough
  double noise = 0.005;          ///< relative standard error of every median at which sampling stops earlier
  double sample_seconds = 1e-3;  ///< least duration of a sample, which has at least one call
};

/// Seconds of one call, sorted.
class Samples {
 public:
  Samples() = default;
  Samples(std::vector<double> seconds, int calls, double host_seconds);

  const std::vector<double>& seconds() const { return seconds_; }
  int calls() const { return calls_; }                   ///< in a sample
  double host_seconds() const { return host_seconds_; }  ///< median
  /// Linear between two samples: quantile(0.5) of 1 and 3 is 2.
  double quantile(double q) const;
  double median() const { return quantile(0.5); }
  /// (p90 - p10) / median.
  double spread() const { return (quantile(0.9) - quantile(0.1)) / median(); }

 private:
  std::vector<double> seconds_;
  int calls_ = 0;
  double host_seconds_ = 0;
};

/// The spread from which on a program says that others were disturbing the machine.
constexpr double noisy_spread = 0.3;

/// Times the contenders in turn. Each first runs until it is warm. Ends early, with fewer samples, if `ended()` is true.
std::vector<Samples> sample_in_turns(const std::vector<Contender>& contenders, const Rules& rules,
                                     const std::function<bool()>& ended);

/// The indices of the fastest contenders, `count` at most, by a few samples of each in turn.
std::vector<std::size_t> fastest(const std::vector<Contender>& contenders, std::size_t count,
                                 const std::function<bool()>& ended);

}  // namespace rectify::harness
