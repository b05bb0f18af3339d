// For the tests of ops: parameter sets, inputs at every edge, and calls that are compared with the reference.
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

/// Runs forward() on the target: y has the bits of the reference, and x and the memory around y are not written. In place if `at_y` is
/// null.
void check_forward(const Target& target, const Relu& relu, DType dtype, const Bytes& x, const Placement& at_x,
                   const Placement* at_y);

enum class InPlace { no, as_dy, as_x };
enum class Source { x, y };

/// The placements of dy, the source and dx.
struct BackwardPlacement {
  Placement dy, source, dx;
};

/// Runs backward() on the target, from x or from y = value(x): dx has the bits that the reference computes from x.
void check_backward(const Target& target, const Relu& relu, DType dtype, const Bytes& dy, const Bytes& x,
                    const BackwardPlacement& at, InPlace in_place = InPlace::no, Source source = Source::x);

/// max_value as stored in y: times the gain, rounded to the compute type and then to dtype.
double stored_cap(const Relu& relu, DType dtype, double gain);
/// True if y may hide its region, as z may have been rounded to 0 or to the cap.
bool is_rounded_away(const Relu& relu, DType dtype, double gain, double y);
/// True if y is a valid source, by the contract of backward().
bool readable_from_y(const Relu& relu, DType dtype, double gain = 1);

}  // namespace rectify::test
