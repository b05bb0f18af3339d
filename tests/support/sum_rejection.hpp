// Calls for sums, each operand in a place of its own, for tests of those that are rejected.
#pragma once

#include "places.hpp"
#include "rejection.hpp"

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

inline bool is_sum(const Place<Backward>& place) {
  return place.output != nullptr && place.output != &Backward::dx && place.output != &Backward::dresidual;
}

/// The workspace lies in the memory that must not be written too.
class SumRejection : public Rejection {
 protected:
  SumRejection() {
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

  /// The k-th of places far from each other. The workspace begins at the 20th or a little later, and ends before the 28th.
  float* place(int k) { return &memory[static_cast<std::size_t>(16 * (k + 1))]; }
  TensorView tensor(const Shape& shape, DType dtype = DType::f32) const { return {spare, dtype, shape, Device::cpu()}; }

  /// A call for one sum, with the scale that dscale asks for.
  Backward asking(const SumName& sum, const TensorView& view, int channel_axis = 1) {
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

  /// The dtype of x and of every tensor like it, from here on.
  void tensors_are(DType dtype) { dtype_ = dtype; }

  /// By backward, and by workspace_bytes just so.
  template <class E = InvalidArgument>
  void both_reject(const Backward& b, std::initializer_list<const char*> words, const Relu& f = relu()) {
    rejects<E>(b, words, f);
    expect<E>([&] { workspace_bytes(f, b); }, words);
  }
  template <class E = InvalidArgument>
  void rejects_each(const TensorView& view, std::initializer_list<const char*> words, int channel_axis = 1) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      both_reject<E>(asking(sum, view, channel_axis), {sum.name});
      both_reject<E>(asking(sum, view, channel_axis), words);
    }
  }
  /// What workspace_bytes, which does not look at memory, accepts.
  void rejects_each_in_memory(const TensorView& view, std::initializer_list<const char*> words) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      rejects(asking(sum, view), {sum.name});
      rejects(asking(sum, view), words);
      EXPECT_EQ(workspace_bytes(relu(), asking(sum, view)), 256u);
    }
  }
  void accepts_each(const TensorView& view, int channel_axis = 1) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      accepts(asking(sum, view, channel_axis));
    }
  }

  /// A call with all that goes with the source, each operand in a place of its own.
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

  /// The sum is moved to where it meets the other by its last byte and by its first, and to both sides of it.
  void check_pair(const Backward& sound, const Place<Backward>& sum, const Place<Backward>& other) {
    const std::ptrdiff_t end = (bytes_of(other.of(sound)) + 3) / 4 * 4;
    const auto moved = [&](std::ptrdiff_t by) {
      Backward b = sound;
      sum.move(b, bytes_at(other.of(sound)) + by);
      return b;
    };
    // Of two outputs either may be named first.
    for (std::ptrdiff_t by : {std::ptrdiff_t{-8}, std::ptrdiff_t{0}, end - 4})
      rejects(moved(by), {sum.name, "no byte in common with", other.name, "an overlap"});
    for (std::ptrdiff_t by : {std::ptrdiff_t{-12}, end}) accepts(moved(by));
  }

  Workspace workspace;

 private:
  DType dtype_ = DType::f32;
};

}  // namespace rectify::test
