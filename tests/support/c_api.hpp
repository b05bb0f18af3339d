// The fixture of the C ABI tests: a valid call of each function to invalidate in one place, and the check of what follows.
#pragma once

#include <rectify/rectify.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace rectify::test {

class CApi : public testing::Test {
 protected:
  static rectify_tensor floats(float* data) {
    rectify_tensor tensor = {};
    tensor.data = data;
    tensor.dtype = RECTIFY_F32;
    tensor.rank = 2;
    tensor.shape[0] = 2;
    tensor.shape[1] = 3;
    return tensor;
  }
  /// As the INIT macros do, which are not C++17.
  template <class Operands>
  static Operands started() {
    Operands operands = {};
    operands.struct_size = sizeof operands;
    operands.channel_axis = 1;
    return operands;
  }
  rectify_forward_operands valid_forward() {
    auto operands = started<rectify_forward_operands>();
    operands.x = floats(&memory[16]);
    operands.y = floats(&memory[32]);
    return operands;
  }
  rectify_backward_operands valid_backward() {
    auto operands = started<rectify_backward_operands>();
    operands.dy = floats(&memory[16]);
    operands.x = floats(&memory[32]);
    operands.dx = floats(&memory[48]);
    return operands;
  }

  /// The status, a text with each of the words, and memory as it was, to the last guard.
  void expect(rectify_status expected, rectify_status got, std::initializer_list<const char*> words) {
    const std::string text = rectify_last_error();
    EXPECT_EQ(got, expected) << text;
    for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << text << ": does not say " << word;
    for (float v : memory) ASSERT_EQ(v, 7) << "something was written";
  }
  void rejects(const std::function<void(rectify_tensor&)>& spoil, std::initializer_list<const char*> words) {
    auto f = valid_forward();
    spoil(f.x);
    expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), words);
  }

  static constexpr std::int64_t some_shape[RECTIFY_MAX_RANK] = {2, 3};
  rectify_relu relu = RECTIFY_RELU_INIT;
  std::vector<float> memory = std::vector<float>(80, 7.0f);
};

}  // namespace rectify::test
