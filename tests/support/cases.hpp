// What the tests of ops have in common: parameter sets, inputs at every edge, and a call checked against the reference.
#pragma once

#include "targets.hpp"
#include "tensor.hpp"

#include <rectify/relu.hpp>

#include <string>
#include <vector>

namespace rectify::test {

struct Named {
  std::string name;
  Relu relu;
};

/// Presets, and parameters at every edge: alpha 0, -0, negative, above 1; thresholds above and below 0; threshold == max_value.
const std::vector<Named>& parameter_sets();
constexpr DType dtypes[] = {DType::f16, DType::bf16, DType::f32, DType::f64};

/// All 65,536 patterns of a type of 16 bits, in order.
Bytes every_half();
/// Zeros, subnormals, extremes, infinities, NaN, and threshold and max_value with their neighbours.
Bytes edges(DType dtype, const Relu& relu);

/// y = value(x) on the target, bit for bit the reference's; x and everything around y as before. In place if y is null.
void check_forward(const Target& target, const Relu& relu, DType dtype, const Bytes& x, const Placement& at_x,
                   const Placement* at_y);

enum class InPlace { no, as_dy, as_x };
enum class Source { x, y };

/// Where dy, the source and dx lie.
struct BackwardPlacement {
  Placement dy, source, dx;
};

/// dx on the target, from x or from y = value(x), bit for bit the reference's from x.
void check_backward(const Target& target, const Relu& relu, DType dtype, const Bytes& dy, const Bytes& x,
                    const BackwardPlacement& at, InPlace in_place = InPlace::no, Source source = Source::x);

/// max_value as y holds it: times the gain, rounded to the compute type and to dtype.
double stored_cap(const Relu& relu, DType dtype, double gain);
/// An element of y that may be of another region than it tells: what rounding has made 0, or the cap.
bool is_rounded_away(const Relu& relu, DType dtype, double gain, double y);
/// True where y tells the regions, by the contract of backward().
bool readable_from_y(const Relu& relu, DType dtype, double gain = 1);

}  // namespace rectify::test
