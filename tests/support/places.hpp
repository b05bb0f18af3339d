// The operands of a verb by their names, for tests that go through all of them.
#pragma once

#include <rectify/ops.hpp>

#include <cstddef>
#include <vector>

namespace rectify::test {

/// An input, or an output.
template <class Operands>
struct Place {
  const char* name;
  ConstTensorView Operands::*input;
  TensorView Operands::*output;

  const ConstTensorView& of(const Operands& operands) const { return output != nullptr ? operands.*output : operands.*input; }

  /// The same tensor, at another address.
  void move(Operands& operands, char* to) const {
    const ConstTensorView& view = of(operands);
    const TensorView moved(to, view.dtype(), view.shape(), view.device());
    if (output != nullptr) {
      operands.*output = moved;
    } else {
      operands.*input = moved;
    }
  }
};

template <class Operands>
using Places = std::vector<Place<Operands>>;

inline const Places<Forward> forward_places{
    {"x", &Forward::x, nullptr},
    {"scale", &Forward::scale, nullptr},
    {"bias", &Forward::bias, nullptr},
    {"residual", &Forward::residual, nullptr},
    {"alpha", &Forward::alpha, nullptr},
    {"threshold", &Forward::threshold, nullptr},
    {"max_value", &Forward::max_value, nullptr},
    {"y", nullptr, &Forward::y},
    {"mask", nullptr, &Forward::mask},
};
inline const Places<Backward> backward_places{
    {"dy", &Backward::dy, nullptr},
    {"x", &Backward::x, nullptr},
    {"y", &Backward::y, nullptr},
    {"mask", &Backward::mask, nullptr},
    {"scale", &Backward::scale, nullptr},
    {"bias", &Backward::bias, nullptr},
    {"residual", &Backward::residual, nullptr},
    {"alpha", &Backward::alpha, nullptr},
    {"threshold", &Backward::threshold, nullptr},
    {"max_value", &Backward::max_value, nullptr},
    {"dx", nullptr, &Backward::dx},
    {"dresidual", nullptr, &Backward::dresidual},
    {"dscale", nullptr, &Backward::dscale},
    {"dbias", nullptr, &Backward::dbias},
    {"dalpha", nullptr, &Backward::dalpha},
    {"dthreshold", nullptr, &Backward::dthreshold},
    {"dmax_value", nullptr, &Backward::dmax_value},
};

inline char* bytes_at(const ConstTensorView& view) { return static_cast<char*>(const_cast<void*>(view.data())); }
inline bool is_mask(const ConstTensorView& view) { return view.dtype() == DType::u1 || view.dtype() == DType::u2; }
/// Of the tensors in these tests: six elements, or three of a channel.
inline std::ptrdiff_t bytes_of(const ConstTensorView& view) { return is_mask(view) ? 2 : view.shape().rank() == 2 ? 24 : 12; }

}  // namespace rectify::test
