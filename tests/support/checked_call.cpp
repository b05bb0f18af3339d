// Items are found by the address of their operand, by linear search: there are at most a dozen.
#include "checked_call.hpp"

#include <algorithm>
#include <stdexcept>

namespace rectify::test {
namespace {

/// Calls f(offset) for each element, in the order of the shape.
template <class F>
void for_each_offset(const Operand& operand, const F& f) {
  const Shape& shape = operand.at.shape;
  std::int64_t elements = 1, index[max_rank] = {}, offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) elements *= shape[axis];
  for (std::int64_t i = 0; i < elements; ++i) {
    f(offset);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      offset += operand.at.strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= shape[axis] * operand.at.strides[axis];
      index[axis] = 0;
    }
  }
}

/// The elements in the order of the shape, without gaps. Not for masks.
Bytes gathered(const Operand& operand, const Bytes& bytes) {
  const int size = bytes_per_element(operand.dtype);
  Bytes all;
  for_each_offset(operand, [&](std::int64_t offset) {
    const auto begin = bytes.begin() + offset * size;
    all.insert(all.end(), begin, begin + size);
  });
  return all;
}

/// Copies the operand's elements to `into`, and leaves its gaps.
void overlay(const Operand& operand, const Bytes& from, Bytes& into) {
  const int size = bytes_per_element(operand.dtype);
  for_each_offset(operand,
                  [&](std::int64_t offset) { std::copy_n(from.begin() + offset * size, size, into.begin() + offset * size); });
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

CheckedCall::Views CheckedCall::write_sum(const Operand& operand) {
  place(operand).is_sum = true;
  return write(operand);
}

void CheckedCall::check() const {
  for (const Item& item : items_) {
    const char* name = item.operand.name;
    Bytes got = item.device.contents();
    if (item.is_sum) overlay(item.operand, item.host, got);
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
  throw std::logic_error("the call does not have this operand");
}

}  // namespace rectify::test
