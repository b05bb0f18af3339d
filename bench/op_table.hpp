// The table of ops that rectify-bench knows: operands, shape and declared bytes of each. One more op of these operands is a row here
// and nothing else.
#pragma once

#include "core/operand_table.hpp"

#include <rectify/rectify.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace rectify::bench {

enum class Direction { forward, backward };

/// forward reads x and writes y and, if it is listed, the mask; backward reads dy, and x, y or the mask, and writes dx and, if they are
/// listed, dresidual and sums.
using Operand = const detail::Operand*;
constexpr std::size_t operand_count = std::size(detail::operand_table);
constexpr Operand operand(std::string_view name) { return &detail::operand_called(name); }
/// Its place in the table.
constexpr std::size_t index_of(Operand operand) { return static_cast<std::size_t>(operand - detail::operand_table); }
constexpr bool is_parameter(Operand operand) { return operand->kind == detail::OperandKind::parameter; }
/// A sum equals the reference's but for the order of its additions.
constexpr bool is_sum(Operand operand) { return operand->kind == detail::OperandKind::sum; }

/// How an op's tensors are shaped: any number of units, which are the smallest whole things to measure.
struct Layout {
  Shape extents;             ///< the extent that stands as 0 is the number of units
  int channel_axis;          ///< of the parameters
  std::int64_t block_units;  ///< what inputs repeat and the reference is run over
  bool x_is_broadcast;       ///< one x, under every index of axis 0

  Shape shape(std::int64_t units) const;
  std::int64_t unit_elements() const;
  std::int64_t lines() const;  ///< stretches of units in memory: the product of the extents outside of them
  std::int64_t channels() const { return extents[channel_axis]; }
  bool has_channels() const { return channel_axis > 0; }  ///< in each unit; models are along axis 0
  std::string text() const;                               ///< "[n, 1024]"
};

/// [n, channels, inner]. Both are positive; their product is at most 2^26, so that a block stays small.
constexpr std::int64_t max_unit_elements = std::int64_t{1} << 26;
Layout channels_layout(std::int64_t channels, std::int64_t inner);

struct Op {
  std::string name;
  Direction direction;
  std::vector<Operand> operands;
  Layout layout;
  double tensors;  ///< that a call must move at least once, in tensors of its output's size
  int mask_bits;   ///< per element in u1; a cap with an alpha other than 0 asks for u2, and so for twice the bits
  double gain = 1;
  bool accumulate = false;  ///< sums are added to what is there

  bool uses(Operand operand) const;
  bool is_output(Operand operand) const;
  bool is_plain() const;  ///< forward or backward, nothing fused
  bool has_sums() const;
  /// One a channel; one of everything where the parameter is a number, as thresholds and caps are throughout the table.
  std::int64_t sum_elements(Operand sum) const;
  /// `asked`, with a cap where dmax_value is to be a sum of something; without one, and without negative numbers, where the source is y.
  Relu function(Relu asked) const;
};

const std::vector<Op>& ops();
/// Throws std::out_of_range for a name that is not in the table.
const Op& op_called(const std::string& name, const std::vector<Op>& table = ops());

/// The mask that an op takes, if it takes one: the narrowest that serves.
DType mask_of(const Relu& relu, DType dtype);

/// tensors * size of an element + mask bits / 8. Parameters and sums of one element a channel are not counted: they stay in the
/// caches, unless --channels asks for many and the tensor has few units. Nor is the workspace: a number for 16 elements and a
/// sum at most, for more than 100 in large tensors.
double bytes_per_element(const Op& op, const Relu& relu, DType dtype);

}  // namespace rectify::bench
