// A validated call on the CPU, by the storage type of its tensors.
#pragma once

#include <rectify/detail/backend.hpp>

namespace rectify::detail {

template <class T>
void cpu_forward(const Elementwise& call);
template <class T>
void cpu_backward(const Elementwise& call);

}  // namespace rectify::detail
