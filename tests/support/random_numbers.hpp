// Random contents of tensors and random parameters: numbers exactly at the kinks, special numbers of every kind, and random bits.
#pragma once

#include "dice.hpp"
#include "tensor.hpp"

#include <rectify/relu.hpp>

namespace rectify::test {

/// One of parameter_sets(), or random parameters.
Relu random_relu(Dice& dice);

/// The numbers of a case: a few that often give the same results, a normal distribution, a mixture of all kinds, or random bits.
enum class Numbers { nice, normal, all, bits };
Numbers random_kind(Dice& dice);

Bytes random_numbers(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind);
/// Slopes are often 0, for which the formula has a case of its own.
Bytes random_slopes(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind);
/// Caps are often infinite, which means no cap.
Bytes random_caps(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind);

}  // namespace rectify::test
