// A call by XLA as calls of the library: buffers become operands, and the examples of vmap one call or several.
#pragma once

#include "xla_layout.hpp"

#include "core/operand_table.hpp"

#include <rectify/ops.hpp>

#include <cstdint>

namespace rectify::python {

/// The value of an attribute. Throws InvalidArgument if the call has none of that type.
std::int64_t integer_attribute(const xla::Call& call, const char* name);
double number_attribute(const xla::Call& call, const char* name);

/// The axes that vmap added in front. Along each, a buffer has all examples, or the extent 1 if it is the same for all.
struct Batch {
  int axes = 0;
  const std::int64_t* extents = nullptr;

  std::int64_t examples() const;
  bool is_complete(const xla::Buffer& buffer) const;
  bool is_shared(const xla::Buffer& buffer) const;
  /// Where an example begins in a buffer, in numbers of examples.
  std::int64_t place(std::int64_t example, const xla::Buffer& buffer) const;
};

/// What does not depend on the type of the operands: the attributes, the shapes, and the examples.
class XlaCallBase {
 public:
  /// How many calls of the library this is.
  std::int64_t count() const { return together_ ? 1 : batch_.examples(); }
  const xla::Buffer& last_result() const { return result(call_.results.size - 1); }
  const Relu& function() const { return function_; }

 protected:
  XlaCallBase(const xla::Call& call, Device device);
  const xla::Buffer& operand(std::int64_t index) const { return *static_cast<const xla::Buffer*>(call_.operands.all[index]); }
  const xla::Buffer& result(std::int64_t index) const { return *static_cast<const xla::Buffer*>(call_.results.all[index]); }
  bool has(const detail::Operand& row) const { return (present_ >> (&row - detail::operand_table) & 1) != 0; }
  /// Whether one call of the library can read or write this buffer for all examples: parameters must be the same for all, sums
  /// are each example's own, and a mask has whole bytes for each.
  bool serves_all(const detail::Operand& row, const xla::Buffer& buffer) const;
  TensorView view(const detail::Operand& row, const xla::Buffer& buffer, std::int64_t example) const;

  const xla::Call& call_;
  Device device_;
  Relu function_;
  double gain_;
  int channel_axis_, mask_bits_;
  std::int64_t present_;
  Shape shape_;  ///< of an example of x, or of dy: the first operand is one of them
  Batch batch_;
  bool together_ = false;
};

/// Operands is Forward or Backward.
template <class Operands>
class XlaCall : public XlaCallBase {
 public:
  XlaCall(const xla::Call& call, Device device) : XlaCallBase(call, device) {
    bool together = batch_.axes > 0 && shape_.rank() < max_rank;
    each([&](const detail::Operand& row, const auto&, const xla::Buffer& buffer) {
      together = together && serves_all(row, buffer);
    });
    together_ = together;
  }

  /// The operands of one call of the library.
  Operands operands(std::int64_t index) const {
    Operands all;
    each([&](const detail::Operand& row, const auto& member, const xla::Buffer& buffer) {
      member.set(all, view(row, buffer, index));
    });
    all.channel_axis = channel_axis_;
    // A negative one counts from the end, and one that is out of range may be the largest int.
    if (together_ && channel_axis_ >= 0 && channel_axis_ < shape_.rank()) ++all.channel_axis;
    all.gain = gain_;
    return all;
  }

 private:
  template <class F>
  void each(const F& f) const {
    std::int64_t operands = 0, results = 0;
    detail::for_each_operand<Operands>([&](const detail::Operand& row, const auto& member) {
      if (has(row)) f(row, member, member.output != nullptr ? result(results++) : operand(operands++));
    });
  }
};

}  // namespace rectify::python
