// One call in two memories: the reference's on the host and the library's on a target, compared byte by byte afterwards.
#pragma once

#include "fuzz_case.hpp"
#include "reference.hpp"
#include "targets.hpp"

#include <list>
#include <type_traits>

namespace rectify::test {

/// Operands of a test that names its shapes: small numbers, the kinks of `relu` among them, and memory that is to be written.
Operand random_operand(const char* name, DType dtype, const Placement& at, const Relu& relu);
Operand output_operand(const char* name, DType dtype, const Placement& at);

class CheckedCall {
 public:
  explicit CheckedCall(const Target& target) : target_(target) {}

  struct Views {
    TensorView host, device;
    /// Into the two calls' operands.
    template <class View>
    void to(View& expected, View& got) const {
      expected = host;
      got = device;
    }
  };
  /// The operand's views; asked again, the same ones, so an output may lie over an input. The operand must outlive the call.
  Views read(const Operand& operand) { return views(place(operand)); }
  Views write(const Operand& operand);
  /// The same of a sum, which check() does not compare.
  Views write_sum(const Operand& operand);

  /// Outputs are the reference's to the bit, inputs as they were, and so is the memory around both.
  void check() const;

  /// What the library left in the operand, without its gaps.
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

/// A call of one verb, operand by operand, from its inputs to the check.
template <class Verb>
class CheckedVerb {
 public:
  explicit CheckedVerb(const Target& target, int channel_axis = 1) : call_(target) {
    expected_.channel_axis = got_.channel_axis = channel_axis;
  }

  void read(ConstTensorView Verb::*place, const Operand& operand) { call_.read(operand).to(expected_.*place, got_.*place); }
  void write(TensorView Verb::*place, const Operand& operand) { call_.write(operand).to(expected_.*place, got_.*place); }

  void check(const Relu& relu) {
    if constexpr (std::is_same_v<Verb, Forward>) {
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
  Verb expected_, got_;
};

}  // namespace rectify::test
