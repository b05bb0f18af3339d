// An output that shares a byte with another operand is rejected, unless both are the same view and the pair is one of those listed for
// use in place. overlap_test.cpp tests how overlaps are found.
#include "places.hpp"
#include "validation.hpp"

#include <cstdint>

namespace rectify::test {
namespace {

class Overlap : public Validation {
 protected:
  /// The k-th of several addresses that are far from each other and from the end of the memory.
  float* place(int k) { return &memory[static_cast<std::size_t>(16 * (k + 1))]; }
  ConstTensorView parameter(int k) { return {place(k), {3}, Device::cpu()}; }
  TensorView mask(int k) { return {place(k), DType::u2, {2, 3}, Device::cpu()}; }

  /// A call with every operand, none of which overlap.
  Forward all_of_forward() {
    Forward f;
    f.x = in(place(0));
    f.residual = in(place(1));
    f.scale = parameter(2);
    f.bias = parameter(3);
    f.alpha = parameter(4);
    f.threshold = parameter(5);
    f.max_value = parameter(6);
    f.y = out(place(7));
    f.mask = mask(8);
    return f;
  }
  /// A call with every operand that the source allows, none of which overlap.
  Backward all_of_backward(ConstTensorView Backward::*source) {
    Backward b;
    b.dy = in(place(0));
    b.dx = out(place(7));
    b.dresidual = out(place(8));
    b.*source = source == &Backward::mask ? mask(1) : in(place(1));
    if (source == &Backward::y) return b;
    b.scale = parameter(2);
    b.alpha = parameter(3);
    b.threshold = parameter(4);
    b.max_value = parameter(5);
    if (source == &Backward::mask) return b;
    b.bias = parameter(6);
    b.residual = in(place(9));
    return b;
  }

  /// Moves each output so that only its last element, or only its first, overlaps each other operand; then next to it on either side.
  template <class Operands>
  void check_every_pair(const Operands& valid, const Places<Operands>& places) {
    expect_accepted(valid);
    for (const auto& out : places) {
      if (out.output == nullptr || !out.of(valid).present()) continue;
      for (const auto& other : places) {
        if (out.name == other.name || !other.of(valid).present()) continue;
        SCOPED_TRACE(std::string(out.name) + " and " + other.name);
        check_pair(valid, out, other);
      }
    }
  }

 private:
  template <class Operands>
  void check_pair(Operands operands, const Place<Operands>& out, const Place<Operands>& other) {
    const ConstTensorView there = other.of(operands);
    const std::ptrdiff_t unit = is_mask(out.of(operands)) ? 1 : 4, own = bytes_of(out.of(operands)),
                         end = (bytes_of(there) + unit - 1) / unit * unit;
    const auto moved = [&](std::ptrdiff_t by) {
      out.move(operands, bytes_at(there) + by);
      return operands;
    };
    // The text may name either of two outputs first.
    for (std::ptrdiff_t by : {unit - own, end - unit})
      expect_rejected(moved(by), {out.name, "no byte in common with", other.name, "overlap"});
    for (std::ptrdiff_t by : {-own, end}) expect_accepted(moved(by));
  }
};

TEST_F(Overlap, IsRejectedForEveryPairOfForward) { check_every_pair(all_of_forward(), forward_places); }

TEST_F(Overlap, IsRejectedForEveryPairOfBackward) {
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) check_every_pair(all_of_backward(source), backward_places);
}

TEST_F(Overlap, AcceptsTheSameViewOfAListedPair) {
  Forward f = all_of_forward();
  f.y = out(place(0));
  expect_accepted(f);
  f.residual = in(place(0));
  expect_accepted(f);
  f.x = in(place(1));
  expect_accepted(f);
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) {
    Backward b = all_of_backward(source);
    b.dx = out(place(0));
    expect_accepted(b);
    b = all_of_backward(source);
    b.dresidual = out(place(0));
    expect_accepted(b);
  }
  Backward b = all_of_backward(&Backward::x);
  b.dx = out(place(1));
  expect_accepted(b);
  b.dresidual = out(place(0));
  expect_accepted(b);
}

TEST_F(Overlap, RejectsTheSameViewOfAnyOtherPair) {
  Backward b = all_of_backward(&Backward::x);
  b.dx = b.dresidual = out(place(0));
  expect_rejected(b, {"dx", "no byte in common with dresidual"});
  b = all_of_backward(&Backward::x);
  b.dresidual = out(place(1));
  expect_rejected(b, {"dresidual", "no byte in common with x"});
  b = all_of_backward(&Backward::x);
  b.dx = out(place(9));
  expect_rejected(b, {"dx", "no byte in common with residual"});
  b = all_of_backward(&Backward::x);
  b.dresidual = out(place(9));
  expect_rejected(b, {"dresidual", "no byte in common with residual"});
  b = all_of_backward(&Backward::y);
  b.dx = out(place(1));
  expect_rejected(b, {"dx", "no byte in common with y"});
  // Both inputs are one: dresidual may be dy, but not x.
  b = all_of_backward(&Backward::x);
  b.x = in(place(0));
  b.dresidual = out(place(0));
  expect_rejected(b, {"dresidual", "no byte in common with x"});
}

TEST_F(Overlap, RejectsAListedPairWithOtherStrides) {
  Forward f = all_of_forward();
  f.y = out(place(0)).strided({1, 2});
  expect_rejected(f, {"y", "x", "or the same view"});
  f.y = out(place(1)).strided({1, 2});
  expect_rejected(f, {"y", "residual", "or the same view"});
  Backward b = all_of_backward(&Backward::x);
  b.dx = out(place(0)).strided({1, 2});
  expect_rejected(b, {"dx", "dy", "or the same view"});
  b.dx = out(place(1)).strided({1, 2});
  expect_rejected(b, {"dx", "x", "or the same view"});
  b = all_of_backward(&Backward::mask);
  b.dresidual = out(place(0)).strided({1, 2});
  expect_rejected(b, {"dresidual", "dy", "or the same view"});
}

/// Slices as PyTorch and NumPy make them from one array.
TEST_F(Overlap, AcceptsDisjointSlicesOfOneBuffer) {
  const auto sliced = [&](std::ptrdiff_t at, const Shape& shape, const Strides& strides) {
    return TensorView(&memory[static_cast<std::size_t>(at)], shape, Device::cpu()).strided(strides);
  };
  Forward f;
  f.x = sliced(0, {4, 6}, {12, 1});
  f.y = sliced(6, {4, 6}, {12, 1});  // halves of columns
  expect_accepted(f);
  f.y = sliced(5, {4, 6}, {12, 1});
  expect_rejected(f, {"y", "no byte in common with x"});
  f.x = sliced(0, {24}, {2});
  f.y = sliced(1, {24}, {2});  // even and odd elements
  expect_accepted(f);
  f.x = sliced(0, {2, 6}, {12, 1});
  f.y = sliced(6, {2, 6}, {12, 1});  // even and odd rows
  expect_accepted(f);
  f.x = sliced(3, {3, 3}, {8, 1});
  f.y = sliced(24, {3, 3}, {1, 8});  // the transposed block of a square below the diagonal
  expect_accepted(f);
  f.x = sliced(0, {4, 5}, {12, 1});
  f.bias = sliced(11, {4}, {12});  // a column of its own
  f.y = sliced(5, {4, 5}, {12, 1});
  f.channel_axis = 0;
  expect_accepted(f);
  f.bias = sliced(9, {4}, {12});
  expect_rejected(f, {"y", "no byte in common with bias"});

  Backward b = valid_backward();
  b.dx = sliced(64, {2, 3}, {6, 1});
  b.dresidual = sliced(67, {2, 3}, {6, 1});
  expect_accepted(b);
  b = valid_backward();
  std::vector<char> room(4096);
  b.dbias = sliced(64, {3}, {2});
  b.dalpha = sliced(65, {3}, {2});  // one [C, 2] buffer of gradients
  b.workspace = {reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(room.data()) + 255) / 256 * 256),
                 workspace_bytes(relu(), b)};
  ASSERT_LE(b.workspace.bytes, 3840u);
  expect_accepted(b);
  b.dalpha = sliced(66, {3}, {2});
  expect_rejected(b, {"dbias", "no byte in common with dalpha"});
}

/// If too many combinations of indices would have to be tried, the text says so and does not claim an overlap.
TEST_F(Overlap, ThrowsUnsupportedIfItIsNotDecided) {
  Forward f;
  const Shape shape{80, 80, 80};
  const auto odd = reinterpret_cast<std::uintptr_t>(memory.data());
  f.x = ConstTensorView(reinterpret_cast<const float*>(odd), shape, Device::cpu()).strided({1000003, 999991, 999983});
  f.y = TensorView(reinterpret_cast<float*>(odd + 4 * 120250000), shape, Device::cpu());
  expect_rejected<Unsupported>(f,
                               {"y: expected strides that tell whether a byte is common with x", "[1000003, 999991, 999983]"});
}

TEST_F(Overlap, RejectsOutputsThatPartlyOverlapAnInput) {
  Forward f = valid_forward();
  f.y = out(x + 1);
  expect_rejected(f, {"y", "no byte in common with x"});
  f.y = out(x).strided({1, 2});
  expect_rejected(f, {"y", "x", "same view"});
  f.x = in(x).strided({0, 1});
  f.y = out(x);
  expect_rejected(f, {"y", "x"});
  f.x = in(x).strided({20, 1});
  f.y = out(x + 16);
  expect_rejected(f, {"y", "no byte in common with x"});
  f.y = out(x + 5);
  expect_accepted(f);  // in a gap of x
  Backward b = valid_backward();
  b.dx = out(dy + 5);
  expect_rejected(b, {"dx", "no byte in common with dy"});
  b.dx = out(x + 1);
  expect_rejected(b, {"dx", "no byte in common with x"});
}

TEST_F(Overlap, AcceptsIdenticalViewsAndAdjacentRanges) {
  Forward f = valid_forward();
  f.y = TensorView(x, {2, 3}, Device::cpu());
  EXPECT_NO_THROW(forward(relu(), f));
  f.y = out(x + 6);
  EXPECT_NO_THROW(forward(relu(), f));
  f.x = ConstTensorView(x, {1, 6}, Device::cpu()).strided({99, 1});
  f.y = TensorView(x, {1, 6}, Device::cpu());
  EXPECT_NO_THROW(forward(relu(), f)) << "the stride of an extent of 1 is never walked";
}

TEST_F(Overlap, RejectsOutputsThatOverlapThemselves) {
  for (const Strides& strides : {Strides{0, 1}, Strides{1, 1}, Strides{2, 1}}) {
    Forward f = valid_forward();
    f.y = out(y).strided(strides);
    expect_rejected(f, {"y", "does not overlap itself", "[2, 3]"});
    Backward b = valid_backward();
    b.dx = out(dx).strided(strides);
    expect_rejected(b, {"dx", "does not overlap itself"});
  }
}

TEST_F(Overlap, RejectsDxThatOverlapsTheSourceY) {
  Backward b = valid_backward();
  b.x = {};
  b.y = in(y);
  b.dx = out(y);
  expect_rejected(b, {"dx", "no byte in common with y"});
  b.dx = out(y + 2);
  expect_rejected(b, {"dx", "no byte in common with y"});
}

}  // namespace
}  // namespace rectify::test
