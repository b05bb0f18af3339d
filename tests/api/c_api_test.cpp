// What the C ABI rejects of its structs, and what it says of a call: each gets its status and its words, and outputs stay as
// they were. c_api_tensors_test.cpp has the tensors; c_api.c calls it from C, c_api_test.py from Python.
#include "c_api.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

namespace rectify::test {
namespace {

TEST_F(CApi, ServesValidCallsAndForgetsErrors) {
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(nullptr, nullptr, nullptr), {"null"});
  const auto f = valid_forward();
  const auto b = valid_backward();
  EXPECT_EQ(rectify_forward(&relu, &f, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(rectify_backward(&relu, &b, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_STREQ(rectify_last_error(), "");
}

TEST_F(CApi, RejectsNull) {
  const auto f = valid_forward();
  const auto b = valid_backward();
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(nullptr, &f, nullptr), {"relu", "a pointer", "null"});
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, nullptr, nullptr), {"operands", "a pointer", "null"});
  expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(nullptr, &b, nullptr), {"relu", "a pointer", "null"});
  expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, nullptr, nullptr), {"operands", "a pointer", "null"});
  expect(RECTIFY_INVALID_ARGUMENT, rectify_workspace_bytes(&relu, &b, nullptr), {"bytes", "a pointer", "null"});
  expect(RECTIFY_INVALID_ARGUMENT, rectify_mask_dtype(&relu, &f, nullptr), {"dtype", "a pointer", "null"});
  expect(RECTIFY_INVALID_ARGUMENT, rectify_mask_bytes(RECTIFY_U1, f.x.shape, 2, nullptr), {"bytes", "a pointer", "null"});
  std::size_t bytes = 7;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_mask_bytes(RECTIFY_U1, nullptr, 2, &bytes), {"shape", "a pointer", "null"});
  EXPECT_EQ(bytes, 7u);
  EXPECT_EQ(rectify_mask_bytes(RECTIFY_U2, nullptr, 0, &bytes), RECTIFY_OK);
  EXPECT_EQ(bytes, 1u);
}

TEST_F(CApi, KnowsNoMaskForAnAbsentX) {
  auto f = valid_forward();
  f.x = {};
  std::int32_t dtype = 99;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_mask_dtype(&relu, &f, &dtype), {"x", "a tensor", "none"});
  EXPECT_EQ(dtype, 99);
}

TEST_F(CApi, RejectsStructSizesOfNoVersion) {
  auto f = valid_forward();
  auto b = valid_backward();
  for (std::size_t size : {std::size_t{0}, sizeof f - 1, std::numeric_limits<std::size_t>::max()}) {
    f.struct_size = size;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr),
           {"operands.struct_size", std::to_string(sizeof f).c_str(), std::to_string(size).c_str()});
  }
  b.struct_size = sizeof b - 1;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr), {"operands.struct_size"});
  std::size_t bytes = 7;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_workspace_bytes(&relu, &b, &bytes), {"operands.struct_size"});
  EXPECT_EQ(bytes, 7u);
}

TEST_F(CApi, ServesTheFirstVersionsStructsWithoutLookingBeyondThem) {
  auto f = valid_forward();
  auto b = valid_backward();
  f.struct_size = offsetof(rectify_forward_operands, gain);
  b.struct_size = offsetof(rectify_backward_operands, gain);
  f.gain = b.gain = -3;  // which is other memory to such a caller
  b.accumulate = b.reserved_too = 99;
  memory[16] = 2;
  EXPECT_EQ(rectify_forward(&relu, &f, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(rectify_backward(&relu, &b, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(memory[32], 2);
  EXPECT_EQ(memory[48], 2);
  std::size_t bytes = 7;
  EXPECT_EQ(rectify_workspace_bytes(&relu, &b, &bytes), RECTIFY_OK);
  EXPECT_EQ(bytes, 0u);
}

TEST_F(CApi, MultipliesByTheGainAndAddsToSums) {
  auto f = valid_forward();
  auto b = valid_backward();
  alignas(256) unsigned char workspace[4096];
  float dbias = 0.5;
  f.gain = b.gain = -3;
  b.dbias = floats(&dbias);
  b.dbias.shape[0] = b.dbias.shape[1] = 1;
  b.accumulate = 1;
  b.workspace = workspace;
  b.workspace_bytes = sizeof workspace;
  for (std::size_t i = 16; i < 48; ++i) memory[i] = 2;
  ASSERT_EQ(rectify_forward(&relu, &f, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(memory[32], -6);
  for (std::size_t i = 32; i < 48; ++i) memory[i] = 1;  // x of backward
  ASSERT_EQ(rectify_backward(&relu, &b, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(memory[48], -6);
  EXPECT_EQ(dbias, 0.5f - 36);
}

TEST_F(CApi, RejectsGainsAndFlagsOfNoVersion) {
  auto f = valid_forward();
  f.gain = std::numeric_limits<double>::infinity();
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {"gain", "a finite number", "inf"});
  auto b = valid_backward();
  b.gain = 1e-300;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr), {"gain", "within the range of float"});
  for (const int wrong : {-1, 2}) {
    b = valid_backward();
    b.accumulate = wrong;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr),
           {"operands.accumulate", "0 to 1", std::to_string(wrong).c_str()});
    b.accumulate = 0;
    b.reserved_too = wrong;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr), {"operands.reserved_too", "expected 0"});
  }
}

TEST_F(CApi, ServesALaterVersionsStructWhereTheNewFieldsAreZero) {
  struct Later {
    rectify_forward_operands known;
    unsigned char unknown[24];
  } later = {valid_forward(), {}};
  later.known.struct_size = sizeof later;
  for (unsigned char& byte : later.unknown) {
    byte = 3;
    expect(RECTIFY_UNSUPPORTED, rectify_forward(&relu, &later.known, nullptr), {"operands.struct_size", "zeros", "3"});
    byte = 0;
  }
  EXPECT_EQ(rectify_forward(&relu, &later.known, nullptr), RECTIFY_OK) << rectify_last_error();
}

TEST_F(CApi, PassesOnWhatTheFunctionsReject) {
  auto f = valid_forward();
  f.x.layout = RECTIFY_STRIDED;
  f.x.strides[0] = -3;
  f.x.strides[1] = 1;
  expect(RECTIFY_UNSUPPORTED, rectify_forward(&relu, &f, nullptr), {"x", "strides from 0 up", "[-3, 1]"});
  f = valid_forward();
  f.x.device = f.y.device = RECTIFY_CUDA;
  f.x.device_index = -1;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {"x", "device index", "cuda:-1"});
  auto b = valid_backward();
  b.channel_axis = 2;
  b.dbias = floats(&memory[64]);
  b.dbias.shape[0] = 1;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr), {"channel_axis", "got 2"});
  b.channel_axis = 1;
  b.workspace_bytes = 1 << 20;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr), {"workspace", "null"});
  relu.max_value = -1;
  f = valid_forward();
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {"max_value", "-1"});
}

TEST_F(CApi, KeepsAnErrorForEachThread) {
  rectify_forward(nullptr, nullptr, nullptr);
  const std::string before = rectify_last_error();
  std::string at_start, after_own = "x";
  std::thread([&] {
    at_start = rectify_last_error();
    const auto b = valid_backward();
    rectify_backward(&relu, &b, nullptr);
    after_own = rectify_last_error();
  }).join();
  EXPECT_EQ(at_start, "");
  EXPECT_EQ(after_own, "");
  EXPECT_EQ(rectify_last_error(), before);
  EXPECT_NE(before, "");
  EXPECT_EQ(rectify_last_cuda_error(), 0);
}

TEST(CApiStatus, HasWordsForEveryNumber) {
  EXPECT_STREQ(rectify_status_string(RECTIFY_OK), "success");
  EXPECT_STREQ(rectify_status_string(RECTIFY_INVALID_ARGUMENT), "invalid argument");
  EXPECT_STREQ(rectify_status_string(RECTIFY_UNSUPPORTED), "unsupported");
  EXPECT_STREQ(rectify_status_string(RECTIFY_CUDA_ERROR), "CUDA error");
  EXPECT_STREQ(rectify_status_string(RECTIFY_INTERNAL_ERROR), "internal error");
  for (rectify_status other : {-1, 5, std::numeric_limits<rectify_status>::min(), std::numeric_limits<rectify_status>::max()})
    EXPECT_STREQ(rectify_status_string(other), "unknown status");
}

}  // namespace
}  // namespace rectify::test
