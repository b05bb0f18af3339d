// The table of ops that rectify-bench can run: the operands, layout and declared bytes of each. To add an op of these operands,
// add a row to the table in op_table.cpp. An op here is a whole call of forward or backward.
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

/// forward reads x and writes y and, if it is listed, the mask. backward reads dy, and x, y or the mask; it writes dx and, if
/// they are listed, dresidual and sums.
using Operand = const detail::Operand*;
constexpr std::size_t operand_count = std::size(detail::operand_table);
constexpr Operand operand(std::string_view name) { return &detail::operand_called(name); }
/// Its place in the table.
constexpr std::size_t index_of(Operand operand) { return static_cast<std::size_t>(operand - detail::operand_table); }
constexpr bool is_parameter(Operand operand) { return operand->kind == detail::OperandKind::parameter; }
/// True for a sum over elements. It may differ from the reference's by the order of its additions.
constexpr bool is_sum(Operand operand) { return operand->kind == detail::OperandKind::sum; }

/// "[n, 1024]"; n stands for an extent of 0.
std::string text_of(const Shape& shape);

/// The shape of an op's tensors: any number of units, for example of rows. A unit is the smallest size that can be measured.
struct Layout {
  Shape extents;               ///< 0 stands for the number of units
  int channel_axis;            ///< of the parameters
  std::int64_t block_units;    ///< units in a block, which inputs repeat and for which the reference is computed
  bool x_is_broadcast;         ///< one x for all indices of axis 0
  std::int64_t gap = 0;        ///< elements between two rows in memory, a row being the last axis
  bool channels_last = false;  ///< in memory axis 1 is the last, as in NHWC

  Shape shape(std::int64_t units) const;
  /// Of a tensor in memory.
  Strides strides(std::int64_t units) const;
  std::int64_t unit_elements() const;
  std::int64_t row() const { return extents[extents.rank() - 1]; }  ///< its elements; 0 for flat tensors
  std::int64_t elements_in_memory(std::int64_t units) const;        ///< with the gaps
  std::int64_t lines() const;  ///< of units in memory (Buffer): the product of the extents before the 0
  std::int64_t channels() const { return extents[channel_axis]; }
  std::string text() const { return text_of(extents); }
};

/// Tensors of these extents, of which one is 0 and stands for the number of units. A unit has at most 2^26 elements, so that a
/// block stays small.
constexpr std::int64_t max_unit_elements = std::int64_t{1} << 26;
Layout layout_of(const Shape& extents, int channel_axis);

struct Op {
  std::string name;
  Direction direction;
  std::vector<Operand> operands;
  Layout layout;
  double tensors;  ///< read or written by a call, in units of the size of its output
  int mask_bits;   ///< per element in u1; twice as many in u2, which a cap with an alpha other than 0 requires
  double gain = 1;
  bool accumulate = false;  ///< sums are added to what their tensors hold

  bool uses(Operand operand) const;
  bool is_output(Operand operand) const;
  bool is_plain() const;  ///< forward or backward, nothing fused
  bool has_sums() const;
  bool has_channels() const;  ///< a parameter or a sum has one element for each
  /// Elements of a sum: one for each channel, or one in total if the parameter is a scalar, as threshold and max_value are in
  /// every op.
  std::int64_t sum_elements(Operand sum) const;
  /// `requested`, adapted to the op: with a cap if dmax_value is computed; if the source is y, without a cap and with the
  /// absolute values of alpha and threshold.
  Relu function(Relu requested) const;
};

const std::vector<Op>& ops();
/// Throws std::out_of_range for a name that is not in the table.
const Op& op_called(const std::string& name, const std::vector<Op>& table = ops());

/// The dtype of the op's mask, if it has one: the narrowest that suffices.
DType mask_of(const Relu& relu, DType dtype);

/// tensors * size of an element + mask bits / 8. Parameters and sums with one element for each channel are not counted: they
/// stay in the caches, unless --shape requests many and the tensor has few units. The workspace is not counted either: for
/// each sum it has at most one value for 16 elements, and for large tensors one for more than 100.
double bytes_per_element(const Op& op, const Relu& relu, DType dtype);

}  // namespace rectify::bench
