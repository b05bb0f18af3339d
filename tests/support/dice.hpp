// Random choices that depend on a seed alone, not on the standard library, so that a seed reproduces a failing case.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace rectify::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  /// 64 random bits (SplitMix64): seeds that differ by one give unrelated sequences.
  std::uint64_t bits() {
    std::uint64_t v = state_ += 0x9e3779b97f4a7c15u;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
  }
  /// 0 to n - 1.
  int below(std::int64_t n) { return static_cast<int>(bits() % static_cast<std::uint64_t>(n)); }
  bool one_in(int n) { return below(n) == 0; }
  template <class T>
  T any_of(std::initializer_list<T> all) {
    return all.begin()[below(static_cast<std::int64_t>(all.size()))];
  }
  /// Mean 0, variance 1; close enough to a normal distribution for inputs of tests.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(bits() >> 11) * 0x1p-53;
    return sum;
  }

 private:
  std::uint64_t state_;
};

}  // namespace rectify::test
