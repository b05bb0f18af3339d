// Random numbers that are the same bits with every standard library: its engine is specified, its distributions are not.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace tune {

class Random {
 public:
  /// A stream of its own for each purpose.
  Random(std::uint64_t seed, std::initializer_list<std::uint32_t> purpose) : engine_(mixed(seed, purpose)) {}

  /// In [0, 1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

  template <class T>
  void shuffle(std::vector<T>& all) {
    for (std::size_t left = all.size(); left > 1; --left)
      std::swap(all[left - 1], all[static_cast<std::size_t>(uniform() * static_cast<double>(left))]);
  }

 private:
  static std::mt19937_64 mixed(std::uint64_t seed, std::initializer_list<std::uint32_t> purpose) {
    std::vector<std::uint32_t> words(purpose);
    words.push_back(static_cast<std::uint32_t>(seed));
    words.push_back(static_cast<std::uint32_t>(seed >> 32));
    std::seed_seq sequence(words.begin(), words.end());
    return std::mt19937_64(sequence);
  }

  std::mt19937_64 engine_;
};

}  // namespace tune
