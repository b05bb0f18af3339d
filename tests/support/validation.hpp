// For tests of invalid calls: a valid call of each function, which a test makes invalid in one place, and the checks of the outcome.
#pragma once

#include <rectify/rectify.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace rectify::test {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Calls over 2 x 3 floats.
class Validation : public testing::Test {
 protected:
  static ConstTensorView in(const float* data) { return {data, {2, 3}, Device::cpu()}; }
  static TensorView out(float* data) { return {data, {2, 3}, Device::cpu()}; }

  Forward valid_forward() {
    Forward operands;
    operands.x = in(x);
    operands.y = out(y);
    return operands;
  }
  Backward valid_backward() {
    Backward operands;
    operands.dy = in(dy);
    operands.x = in(x);
    operands.dx = out(dx);
    return operands;
  }

  /// The call throws an E whose text holds each of `words`, and it writes nothing.
  template <class E>
  void expect_throw(const std::function<void()>& call, std::initializer_list<const char*> words) {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown; expected " << *words.begin();
    } catch (const E& error) {
      for (const char* word : words)
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what() << " does not say " << word;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "wrong type: " << error.what();
    }
    for (float v : memory) ASSERT_EQ(v, 7) << "something was written";
  }
  template <class E = InvalidArgument>
  void expect_rejected(const Forward& operands, std::initializer_list<const char*> words, const Relu& f = relu()) {
    expect_throw<E>([&] { forward(f, operands); }, words);
  }
  template <class E = InvalidArgument>
  void expect_rejected(const Backward& operands, std::initializer_list<const char*> words, const Relu& f = relu()) {
    expect_throw<E>([&] { backward(f, operands); }, words);
  }

  /// The call does not throw. Afterwards the memory is reset.
  void expect_accepted(const Forward& operands, const Relu& f = relu()) {
    EXPECT_NO_THROW(forward(f, operands));
    memory.assign(memory.size(), 7.0f);
  }
  void expect_accepted(const Backward& operands, const Relu& f = relu()) {
    EXPECT_NO_THROW(backward(f, operands));
    memory.assign(memory.size(), 7.0f);
  }

  std::vector<float> memory = std::vector<float>(256, 7.0f);
  /// Each has memory for 2 x 3 doubles; `spare` has memory for several tensors.
  float *x = &memory[0], *dy = &memory[16], *y = &memory[32], *dx = &memory[48], *spare = &memory[64];
};

}  // namespace rectify::test
