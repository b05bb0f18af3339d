// Items are found by the address of their operand; there are never more than a dozen.
#include "checked_call.hpp"

#include <stdexcept>

namespace rectify::test {
namespace {

/// The elements of numbers that lie anywhere, one after another in the order of the shape.
Bytes gathered(const Operand& operand, const Bytes& bytes) {
  const auto size = static_cast<std::int64_t>(bytes_per_element(operand.dtype));
  const Shape& shape = operand.at.shape;
  std::int64_t elements = 1, index[max_rank] = {}, offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) elements *= shape[axis];
  Bytes all;
  all.reserve(static_cast<std::size_t>(elements * size));
  for (std::int64_t i = 0; i < elements; ++i) {
    const auto begin = bytes.begin() + offset * size;
    all.insert(all.end(), begin, begin + size);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      offset += operand.at.strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= shape[axis] * operand.at.strides[axis];
      index[axis] = 0;
    }
  }
  return all;
}

}  // namespace

Operand random_operand(const char* name, DType dtype, const Placement& at, const Relu& relu) {
  Dice dice(static_cast<std::uint64_t>(at.span()) + static_cast<std::uint64_t>(name[0]));
  return {name, dtype, at, random_numbers(dice, dtype, at.span(), relu, Numbers::nice)};
}

Operand output_operand(const char* name, DType dtype, const Placement& at) { return {name, dtype, at, untouched(dtype, at)}; }

CheckedCall::Item& CheckedCall::place(const Operand& operand) {
  for (Item& item : items_) {
    if (&item.operand == &operand) return item;
  }
  items_.emplace_back(target_.device, operand);
  return items_.back();
}

CheckedCall::Views CheckedCall::write(const Operand& operand) {
  Item& item = place(operand);
  item.written = true;
  return views(item);
}

void CheckedCall::check() const {
  for (const Item& item : items_) {
    const char* name = item.operand.name;
    const Bytes got = item.device.contents();
    if (item.written) {
      EXPECT_TRUE(same_numbers(item.operand.dtype, got, item.host)) << name;
    } else {
      EXPECT_TRUE(got == item.operand.bytes) << name << " was written";
      EXPECT_TRUE(item.host == item.operand.bytes) << name << " was written by the reference";
    }
    EXPECT_TRUE(item.device.guards_intact()) << "bytes around " << name << " were written";
  }
}

Bytes CheckedCall::elements(const Operand& operand) const {
  for (const Item& item : items_) {
    if (&item.operand == &operand) return gathered(operand, item.device.contents());
  }
  throw std::logic_error("an operand that the call has not");
}

}  // namespace rectify::test
