// Every output against every other operand: whatever shares a byte is rejected, unless it is one of the listed pairs in place. How that is
// told is tested in overlap_test.cpp.
#include "places.hpp"
#include "rejection.hpp"

#include <cstdint>

namespace rectify::test {
namespace {

class Overlap : public Rejection {
 protected:
  /// The k-th of places far from each other, and from the end of the memory.
  float* place(int k) { return &memory[static_cast<std::size_t>(16 * (k + 1))]; }
  ConstTensorView parameter(int k) { return {place(k), {3}, Device::cpu()}; }
  TensorView mask(int k) { return {place(k), DType::u2, {2, 3}, Device::cpu()}; }

  /// Every operand there is, each in a place of its own.
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
  /// Every operand that goes with the source.
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

  /// Each output is moved to where it meets each other operand by its last byte and by its first, and to both sides of it.
  template <class Operands>
  void check_every_pair(const Operands& sound, const Places<Operands>& places) {
    accepts(sound);
    for (const auto& out : places) {
      if (out.output == nullptr || !out.of(sound).present()) continue;
      for (const auto& other : places) {
        if (out.name == other.name || !other.of(sound).present()) continue;
        SCOPED_TRACE(std::string(out.name) + " and " + other.name);
        check_pair(sound, out, other);
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
    // Of two outputs either may be named first.
    for (std::ptrdiff_t by : {unit - own, end - unit})
      rejects(moved(by), {out.name, "no byte in common with", other.name, "overlap"});
    for (std::ptrdiff_t by : {-own, end}) accepts(moved(by));
  }
};

TEST_F(Overlap, OfForwardIsRejectedForEveryPair) { check_every_pair(all_of_forward(), forward_places); }

TEST_F(Overlap, OfBackwardIsRejectedForEveryPair) {
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) check_every_pair(all_of_backward(source), backward_places);
}

TEST_F(Overlap, InPlaceIsTheSameViewOfAListedPair) {
  Forward f = all_of_forward();
  f.y = out(place(0));
  accepts(f);
  f.residual = in(place(0));
  accepts(f);
  f.x = in(place(1));
  accepts(f);
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) {
    Backward b = all_of_backward(source);
    b.dx = out(place(0));
    accepts(b);
    b = all_of_backward(source);
    b.dresidual = out(place(0));
    accepts(b);
  }
  Backward b = all_of_backward(&Backward::x);
  b.dx = out(place(1));
  accepts(b);
  b.dresidual = out(place(0));
  accepts(b);
}

TEST_F(Overlap, TheSameViewOfAnyOtherPairIsRejected) {
  Backward b = all_of_backward(&Backward::x);
  b.dx = b.dresidual = out(place(0));
  rejects(b, {"dx", "no byte in common with dresidual"});
  b = all_of_backward(&Backward::x);
  b.dresidual = out(place(1));
  rejects(b, {"dresidual", "no byte in common with x"});
  b = all_of_backward(&Backward::x);
  b.dx = out(place(9));
  rejects(b, {"dx", "no byte in common with residual"});
  b = all_of_backward(&Backward::x);
  b.dresidual = out(place(9));
  rejects(b, {"dresidual", "no byte in common with residual"});
  b = all_of_backward(&Backward::y);
  b.dx = out(place(1));
  rejects(b, {"dx", "no byte in common with y"});
  // Both inputs are one: dresidual may be dy, but not x.
  b = all_of_backward(&Backward::x);
  b.x = in(place(0));
  b.dresidual = out(place(0));
  rejects(b, {"dresidual", "no byte in common with x"});
}

TEST_F(Overlap, AListedPairWithOtherStridesIsRejected) {
  Forward f = all_of_forward();
  f.y = out(place(0)).strided({1, 2});
  rejects(f, {"y", "x", "or the same view"});
  f.y = out(place(1)).strided({1, 2});
  rejects(f, {"y", "residual", "or the same view"});
  Backward b = all_of_backward(&Backward::x);
  b.dx = out(place(0)).strided({1, 2});
  rejects(b, {"dx", "dy", "or the same view"});
  b.dx = out(place(1)).strided({1, 2});
  rejects(b, {"dx", "x", "or the same view"});
  b = all_of_backward(&Backward::mask);
  b.dresidual = out(place(0)).strided({1, 2});
  rejects(b, {"dresidual", "dy", "or the same view"});
}

/// What PyTorch and NumPy make by slicing one array.
TEST_F(Overlap, DisjointSlicesOfOneBufferAreServed) {
  const auto sliced = [&](std::ptrdiff_t at, const Shape& shape, const Strides& strides) {
    return TensorView(&memory[static_cast<std::size_t>(at)], shape, Device::cpu()).strided(strides);
  };
  Forward f;
  f.x = sliced(0, {4, 6}, {12, 1});
  f.y = sliced(6, {4, 6}, {12, 1});  // halves of columns
  accepts(f);
  f.y = sliced(5, {4, 6}, {12, 1});
  rejects(f, {"y", "no byte in common with x"});
  f.x = sliced(0, {24}, {2});
  f.y = sliced(1, {24}, {2});  // even and odd elements
  accepts(f);
  f.x = sliced(0, {2, 6}, {12, 1});
  f.y = sliced(6, {2, 6}, {12, 1});  // even and odd rows
  accepts(f);
  f.x = sliced(3, {3, 3}, {8, 1});
  f.y = sliced(24, {3, 3}, {1, 8});  // the transposed block of a square below the diagonal
  accepts(f);
  f.x = sliced(0, {4, 5}, {12, 1});
  f.bias = sliced(11, {4}, {12});  // a column of its own
  f.y = sliced(5, {4, 5}, {12, 1});
  f.channel_axis = 0;
  accepts(f);
  f.bias = sliced(9, {4}, {12});
  rejects(f, {"y", "no byte in common with bias"});

  Backward b = sound_backward();
  b.dx = sliced(64, {2, 3}, {6, 1});
  b.dresidual = sliced(67, {2, 3}, {6, 1});
  accepts(b);
  b = sound_backward();
  std::vector<char> room(4096);
  b.dbias = sliced(64, {3}, {2});
  b.dalpha = sliced(65, {3}, {2});  // one [C, 2] buffer of gradients
  b.workspace = {reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(room.data()) + 255) / 256 * 256),
                 workspace_bytes(relu(), b)};
  ASSERT_LE(b.workspace.bytes, 3840u);
  accepts(b);
  b.dalpha = sliced(66, {3}, {2});
  rejects(b, {"dbias", "no byte in common with dalpha"});
}

/// Where too many combinations of indices would have to be tried the text says so, and does not claim an overlap.
TEST_F(Overlap, ThatIsNotDecidedIsUnsupported) {
  Forward f;
  const Shape shape{80, 80, 80};
  const auto odd = reinterpret_cast<std::uintptr_t>(memory.data());
  f.x = ConstTensorView(reinterpret_cast<const float*>(odd), shape, Device::cpu()).strided({1000003, 999991, 999983});
  f.y = TensorView(reinterpret_cast<float*>(odd + 4 * 120250000), shape, Device::cpu());
  rejects<Unsupported>(f, {"y: expected strides that tell whether a byte is common with x", "[1000003, 999991, 999983]"});
}

}  // namespace
}  // namespace rectify::test
