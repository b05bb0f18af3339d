// A call of backward() with sums and random operands, in the reference on the host and in the library on a target.
#pragma once

#include "checked_call.hpp"
#include "sum_outputs.hpp"

#include <rectify/ops.hpp>

#include <string>
#include <vector>

namespace rectify::test {

/// The values of operands: integers, whose sums do not round; a few numbers, including the kinks; a normal distribution.
enum class Values { integers, nice, normal };

/// The placements of tensors of one shape, whose channels are along axis 1.
struct Places {
  Places(const Placement& all) : x(all), dy(all), dx(all) {}
  Places(const Placement& x_, const Placement& dy_, const Placement& dx_) : x(x_), dy(dy_), dx(dx_) {}
  Placement x, dy, dx;
};

/// Every operand that a call may take.
struct Inputs {
  Inputs(DType dtype_, const Places& at_, Values values_);
  std::int64_t channels() const { return at.x.shape[1]; }

  DType dtype;
  Values values;
  Places at;
  Operand x, dy, residual;
  std::vector<Operand> parameters;  ///< in the order of sum_parameters, one element per channel
};

/// A kind of call: its source, the parameters that are tensors, and the sums that it requests.
struct SumKind {
  const char* name;
  BackwardCall::From from;
  unsigned tensors, requested;
  bool residual = false;
  DType mask = DType::u2;
};

/// The sums that y, or a mask of two bits, can give.
inline constexpr unsigned of_regions = of_bias | of_threshold | of_max_value;
inline constexpr SumKind all_five = {"all five", detail::source_x, of_all_five, of_all_five};
inline constexpr SumKind from_y = {"all from y", detail::source_y, 0, of_regions};
inline constexpr SumKind from_mask = {"all from a mask", detail::source_mask, of_all_five & ~of_bias, of_regions};

class SumCall {
 public:
  using Over = BackwardCall::Over;

  /// Requests dx, and dresidual if there is a residual.
  SumCall(const Target& target, const Inputs& in, const SumKind& kind, Over dx_over = Over::none);

  /// Runs the call on the target only.
  SumOutputs run(const Lengths& lengths) const { return SumOutputs(target_, relu(), on_target(), lengths); }

  /// Sums of one element, of one per channel, and a mix of both (in place: only the mix) are within the bound of the exact sums, or equal
  /// to them for integers; dx and dresidual have the bits of the reference.
  void check(std::int64_t stride = 1);

  Relu relu() const;
  Backward& on_target() { return got_; }
  const Backward& on_target() const { return got_; }

 private:
  Operand written_by_forward() const;

  const Target& target_;
  const Inputs& in_;
  const SumKind kind_;
  const bool in_place_;
  const Operand source_, dx_, dresidual_;
  Backward expected_, got_;
  CheckedCall both_;
};

/// Placements of 3 x channels x inner elements.
struct Strided {
  explicit Strided(const Target& target) : channels(target.one_in > 1 ? 4 : 40) {}
  Placement of(std::int64_t outer, std::int64_t channel, std::int64_t inner) const {
    return {shape(), {outer, channel, inner}};
  }
  Shape shape() const { return {3, channels, 301}; }
  Placement dense() const { return shape(); }
  Placement with_gaps() const { return of(channels * 700, 700, 2); }
  Placement channels_last() const { return of(channels * 301, 1, channels); }

  std::int64_t channels;
};

}  // namespace rectify::test
