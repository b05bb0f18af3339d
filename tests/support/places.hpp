// The operands of a function by their names, for tests that go through all of them.
#pragma once

#include <rectify/ops.hpp>

#include "core/operand_table.hpp"

#include <cstddef>
#include <type_traits>
#include <vector>

namespace rectify::test {

/// A row of the table of operands, as a member of Forward or of Backward.
template <class Operands>
struct Place : std::conditional_t<std::is_same_v<Operands, Forward>, detail::ForwardMember, detail::BackwardMember> {
  const char* name;
  detail::OperandKind kind;

  const ConstTensorView& of(const Operands& operands) const { return this->view(operands); }

  /// The same tensor, at another address.
  void move(Operands& operands, char* to) const {
    const ConstTensorView& view = of(operands);
    this->set(operands, TensorView(to, view.dtype(), view.shape(), view.device()));
  }
};

template <class Operands>
using Places = std::vector<Place<Operands>>;

/// Every operand of Forward or of Backward.
template <class Operands>
Places<Operands> all_places() {
  Places<Operands> places;
  detail::for_each_operand<Operands>([&](const detail::Operand& operand, const auto& member) {
    places.push_back({member, operand.name, operand.kind});
  });
  return places;
}
inline const Places<Forward> forward_places = all_places<Forward>();
inline const Places<Backward> backward_places = all_places<Backward>();

inline char* bytes_at(const ConstTensorView& view) { return static_cast<char*>(const_cast<void*>(view.data())); }
inline bool is_mask(const ConstTensorView& view) { return view.dtype() == DType::u1 || view.dtype() == DType::u2; }
/// Of the tensors in these tests: six elements, or three of a channel.
inline std::ptrdiff_t bytes_of(const ConstTensorView& view) { return is_mask(view) ? 2 : view.shape().rank() == 2 ? 24 : 12; }

}  // namespace rectify::test
