// A call that runs twice, in the reference on the host and in the library on a target; the memory is compared byte by byte afterwards.
#pragma once

#include "fuzz_case.hpp"
#include "reference.hpp"
#include "targets.hpp"

#include <list>
#include <type_traits>

namespace rectify::test {

/// Operands of a test that chooses its shapes: random small numbers including the kinks of `relu`, and memory for outputs.
Operand random_operand(const char* name, DType dtype, const Placement& at, const Relu& relu);
Operand output_operand(const char* name, DType dtype, const Placement& at);

class CheckedCall {
 public:
  explicit CheckedCall(const Target& target) : target_(target) {}

  struct Views {
    TensorView host, device;
    /// Stores the views as an operand of each call.
    template <class View>
    void to(View& expected, View& got) const {
      expected = host;
      got = device;
    }
  };
  /// The views of the operand. A second request gives the same views, so an output may be the same view as an input. The operand
  /// must outlive the call.
  Views read(const Operand& operand) { return views(place(operand)); }
  Views write(const Operand& operand);
  /// The same for a sum, which check() does not compare.
  Views write_sum(const Operand& operand);

  /// Outputs have the bits of the reference; inputs and the memory around all operands are not written.
  void check() const;

  /// The elements of the operand after the call of the library, without gaps.
  Bytes elements(const Operand& operand) const;

 private:
  struct Item {
    Item(Device on, const Operand& operand_)
        : operand(operand_), host(operand.bytes), device(on, operand.dtype, operand.at, operand.bytes) {}
    const Operand& operand;
    Bytes host;
    Tensor device;
    bool written = false, is_sum = false;
  };
  Item& place(const Operand& operand);
  static Views views(Item& item) { return {host_view(item.host, item.operand.dtype, item.operand.at), item.device.view()}; }

  const Target& target_;
  std::list<Item> items_;
};

/// A checked call of forward() or backward(), given by `Operands`: operands are added one by one, then check() runs it.
template <class Operands>
class CheckedFunction {
 public:
  explicit CheckedFunction(const Target& target, int channel_axis = 1) : call_(target) {
    expected_.channel_axis = got_.channel_axis = channel_axis;
  }

  void read(ConstTensorView Operands::*place, const Operand& operand) { call_.read(operand).to(expected_.*place, got_.*place); }
  void write(TensorView Operands::*place, const Operand& operand) { call_.write(operand).to(expected_.*place, got_.*place); }

  void check(const Relu& relu) {
    if constexpr (std::is_same_v<Operands, Forward>) {
      reference::forward(relu, expected_);
      forward(relu, got_);
    } else {
      reference::backward(relu, expected_);
      backward(relu, got_);
    }
    call_.check();
  }

 private:
  CheckedCall call_;
  Operands expected_, got_;
};

}  // namespace rectify::test
