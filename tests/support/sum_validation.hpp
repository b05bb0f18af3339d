// For tests of invalid calls with sums: valid calls whose operands do not overlap.
#pragma once

#include "places.hpp"
#include "validation.hpp"

#include <cstdint>

namespace rectify::test {

struct SumName {
  const char* name;
  TensorView Backward::*view;
};
inline constexpr SumName sums[] = {
    {"dscale", &Backward::dscale},         {"dbias", &Backward::dbias},           {"dalpha", &Backward::dalpha},
    {"dthreshold", &Backward::dthreshold}, {"dmax_value", &Backward::dmax_value},
};

inline bool is_sum(const Place<Backward>& place) { return place.kind == detail::OperandKind::sum; }

/// The workspace is part of the memory that a rejected call must not write.
class SumValidation : public Validation {
 protected:
  SumValidation() {
    memory.assign(512, 7.0f);
    x = place(0);
    dy = place(1);
    y = place(2);
    dx = place(3);
    spare = place(4);
    const auto address = reinterpret_cast<std::uintptr_t>(place(20));
    workspace.data = reinterpret_cast<char*>(place(20)) + (256 - address % 256) % 256;
    workspace.bytes = 256;
  }

  /// The k-th of several addresses that are far from each other. The workspace begins at the 20th or shortly after, and ends before the
  /// 28th.
  float* place(int k) { return &memory[static_cast<std::size_t>(16 * (k + 1))]; }
  TensorView tensor(const Shape& shape, DType dtype = DType::f32) const { return {spare, dtype, shape, Device::cpu()}; }

  /// A call that requests one sum, with the scale that dscale requires.
  Backward call_for(const SumName& sum, const TensorView& view, int channel_axis = 1) {
    Backward b;
    b.dy = {dy, dtype_, {2, 3}, Device::cpu()};
    b.x = {x, dtype_, {2, 3}, Device::cpu()};
    b.dx = {dx, dtype_, {2, 3}, Device::cpu()};
    b.scale = {place(5), dtype_, {1}, Device::cpu()};
    b.*sum.view = view;
    b.channel_axis = channel_axis;
    b.workspace = workspace;
    return b;
  }

  /// Sets the dtype of x and of every tensor like x in the following calls.
  void tensors_are(DType dtype) { dtype_ = dtype; }

  /// backward() and workspace_bytes() both reject the call.
  template <class E = InvalidArgument>
  void expect_rejected_by_both(const Backward& b, std::initializer_list<const char*> words, const Relu& f = relu()) {
    expect_rejected<E>(b, words, f);
    expect_throw<E>([&] { workspace_bytes(f, b); }, words);
  }
  template <class E = InvalidArgument>
  void expect_each_rejected(const TensorView& view, std::initializer_list<const char*> words, int channel_axis = 1) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      expect_rejected_by_both<E>(call_for(sum, view, channel_axis), {sum.name});
      expect_rejected_by_both<E>(call_for(sum, view, channel_axis), words);
    }
  }
  /// backward() rejects the view as each sum; workspace_bytes(), which does not look at memory, accepts it.
  void expect_each_rejected_by_backward(const TensorView& view, std::initializer_list<const char*> words) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      expect_rejected(call_for(sum, view), {sum.name});
      expect_rejected(call_for(sum, view), words);
      EXPECT_EQ(workspace_bytes(relu(), call_for(sum, view)), 256u);
    }
  }
  void expect_each_accepted(const TensorView& view, int channel_axis = 1) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      expect_accepted(call_for(sum, view, channel_axis));
    }
  }

  /// A call with every operand that the source allows, none of which overlap.
  Backward all_from(ConstTensorView Backward::*source) {
    const auto three = [&](int k) { return TensorView(place(k), {3}, Device::cpu()); };
    Backward b;
    b.dy = in(place(0));
    b.*source = source == &Backward::mask ? ConstTensorView(place(1), DType::u2, {2, 3}, Device::cpu()) : in(place(1));
    b.dx = out(place(2));
    b.dresidual = out(place(3));
    b.dbias = three(4);
    b.dthreshold = three(5);
    b.dmax_value = three(6);
    b.workspace = workspace;
    if (source == &Backward::y) return b;
    b.scale = three(7);
    b.alpha = three(8);
    b.threshold = three(9);
    b.max_value = three(10);
    if (source == &Backward::mask) return b;
    b.bias = three(11);
    b.residual = in(place(12));
    b.dscale = three(13);
    b.dalpha = three(14);
    return b;
  }

  /// Moves the sum so that its last element, all of it, or its first element overlaps the other operand; then next to it on either side.
  void check_pair(const Backward& valid, const Place<Backward>& sum, const Place<Backward>& other) {
    const std::ptrdiff_t end = (bytes_of(other.of(valid)) + 3) / 4 * 4;
    const auto moved = [&](std::ptrdiff_t by) {
      Backward b = valid;
      sum.move(b, bytes_at(other.of(valid)) + by);
      return b;
    };
    // The text may name either of two outputs first.
    for (std::ptrdiff_t by : {std::ptrdiff_t{-8}, std::ptrdiff_t{0}, end - 4})
      expect_rejected(moved(by), {sum.name, "no byte in common with", other.name, "an overlap"});
    for (std::ptrdiff_t by : {std::ptrdiff_t{-12}, end}) expect_accepted(moved(by));
  }

  Workspace workspace;

 private:
  DType dtype_ = DType::f32;
};

}  // namespace rectify::test
