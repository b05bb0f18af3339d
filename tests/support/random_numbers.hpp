// Random contents of tensors, and random functions: numbers that land on the kinks exactly, every kind of special, any bits.
#pragma once

#include "dice.hpp"
#include "tensor.hpp"

#include <rectify/relu.hpp>

namespace rectify::test {

/// A preset or one of parameter_sets(), or any other.
Relu random_relu(Dice& dice);

/// What kind of numbers a case has: few that meet often, a normal distribution, everything, or random bits.
enum class Numbers { nice, normal, all, bits };
Numbers random_kind(Dice& dice);

Bytes random_numbers(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind);
/// Slopes are 0 often, where the formula has a case of its own.
Bytes random_slopes(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind);
/// Caps are none often.
Bytes random_caps(Dice& dice, DType dtype, std::int64_t elements, const Relu& relu, Numbers kind);

}  // namespace rectify::test
