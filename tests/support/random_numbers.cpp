// Numbers are drawn as double and stored by the reference.
#include "random_numbers.hpp"

#include "cases.hpp"
#include "reference.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace rectify::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Few numbers, exact in every dtype, so that their sums and products often equal thresholds and caps.
double nice(Dice& dice) {
  return dice.any_of({0.0, -0.0, 0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0, 6.0, -0.25, -0.5, -1.0, -1.0, -2.0, -3.0, -6.0});
}

double special(Dice& dice, DType dtype) {
  const auto [smallest, normal, largest] = dtype == DType::f16    ? std::array{0x1p-24, 0x1p-14, 65504.0}
                                           : dtype == DType::bf16 ? std::array{0x1p-133, 0x1p-126, 0x1.fep127}
                                           : dtype == DType::f32  ? std::array{0x1p-149, 0x1p-126, 0x1.fffffep127}
                                                                  : std::array{0x1p-1074, 0x1p-1022, 0x1.fffffffffffffp1023};
  const double v = dice.any_of({0.0, smallest, 3 * smallest, normal - smallest, normal, largest, inf, inf, nan});
  return dice.one_in(2) ? -v : v;
}

double number(Dice& dice, DType dtype, const Relu& relu, Numbers kind) {
  const int roll = dice.below(20);
  if (kind == Numbers::bits || (kind == Numbers::all && roll < 3)) {
    const std::uint64_t any = dice.bits();
    return reference::load(dtype, &any);
  }
  if (roll < 4) return special(dice, dtype);
  if (roll < 6) return relu.threshold;
  if (roll < 8) return relu.max_value;
  return kind == Numbers::nice || (kind == Numbers::all && roll < 14) ? nice(dice) : 2 * dice.normal();
}

template <class F>
Bytes stored(DType dtype, std::int64_t elements, const F& next) {
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  Bytes all(static_cast<std::size_t>(elements) * size);
  for (std::size_t at = 0; at < all.size(); at += size) reference::store(dtype, &all[at], next());
  return all;
}

}  // namespace

Relu random_relu(Dice& dice) {
  const auto& sets = parameter_sets();
  if (dice.one_in(2)) return sets[static_cast<std::size_t>(dice.below(static_cast<std::int64_t>(sets.size())))].relu;
  Relu relu;
  relu.alpha = dice.any_of({0.0, 0.0, -0.0, 0.25, 0.01, -0.5, 1.0, 2.0, dice.normal()});
  relu.threshold = dice.any_of({0.0, 0.0, 0.5, -1.0, 0.1, dice.normal()});
  relu.max_value = relu.threshold + dice.any_of({inf, inf, 0.0, 0.5, 1.0, 6.0, std::fabs(dice.normal())});
  return relu;
}

Numbers random_kind(Dice& dice) {
  return dice.any_of({Numbers::nice, Numbers::nice, Numbers::normal, Numbers::all, Numbers::all, Numbers::bits});
}

Bytes random_numbers(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind) {
  return stored(dtype, elements, [&] { return number(dice, dtype, relu, kind); });
}

Bytes random_slopes(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind) {
  return stored(dtype, elements, [&] { return dice.one_in(3) ? dice.any_of({0.0, -0.0}) : number(dice, dtype, relu, kind); });
}

Bytes random_caps(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind) {
  return stored(dtype, elements, [&] { return dice.one_in(3) ? inf : number(dice, dtype, relu, kind); });
}

}  // namespace rectify::test
