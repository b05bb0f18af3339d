// Tensors that the C ABI rejects because C++ could not have written them. Outputs stay as they were.
#include "c_api.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace rectify::test {
namespace {

TEST_F(CApi, RejectsValuesOfNoEnum) {
  for (std::int32_t value : {-1, 7, 99}) {
    const std::string got = "got " + std::to_string(value);
    rejects([=](rectify_tensor& x) { x.dtype = value; }, {"x.dtype", "1 to 6", got.c_str()});
    rejects([=](rectify_tensor& x) { x.device = value; }, {"x.device", "0 to 1", got.c_str()});
    rejects([=](rectify_tensor& x) { x.layout = value; }, {"x.layout", "0 to 1", got.c_str()});
    rejects([=](rectify_tensor& x) { x.reserved = value; }, {"x.reserved", "0", got.c_str()});
    std::size_t bytes = 7;
    auto f = valid_forward();
    f.reserved = value;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {"operands.reserved", got.c_str()});
    expect(RECTIFY_INVALID_ARGUMENT, rectify_mask_bytes(value, nullptr, 0, &bytes), {"mask.dtype", got.c_str()});
    EXPECT_EQ(bytes, 7u);
  }
}

TEST_F(CApi, RejectsRanksThatNoTensorHas) {
  for (std::int32_t rank : {-1, 9, std::numeric_limits<std::int32_t>::max()}) {
    rejects([=](rectify_tensor& x) { x.rank = rank; }, {"x.rank", "0 to 8", std::to_string(rank).c_str()});
    std::size_t bytes = 7;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_mask_bytes(RECTIFY_U1, some_shape, rank, &bytes), {"mask.rank", "0 to 8"});
    EXPECT_EQ(bytes, 7u);
  }
}

TEST_F(CApi, TakesNoHalfWrittenTensorForAnAbsentOne) {
  rejects([](rectify_tensor& x) { x.dtype = RECTIFY_NONE; }, {"x.dtype", "1 to 6", "got 0"});
  auto f = valid_forward();
  f.bias.shape[7] = 1;
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {"bias.dtype", "got 0"});
  rejects([](rectify_tensor& x) { x = {}; }, {"x", "a tensor", "none"});
}

TEST_F(CApi, ChecksEveryOperandByItsOwnName) {
  using F = rectify_forward_operands;
  using B = rectify_backward_operands;
  const std::pair<const char*, rectify_tensor F::*> of_forward[] = {{"x.dtype", &F::x},
                                                                    {"scale.dtype", &F::scale},
                                                                    {"bias.dtype", &F::bias},
                                                                    {"residual.dtype", &F::residual},
                                                                    {"alpha.dtype", &F::alpha},
                                                                    {"threshold.dtype", &F::threshold},
                                                                    {"max_value.dtype", &F::max_value},
                                                                    {"y.dtype", &F::y},
                                                                    {"mask.dtype", &F::mask}};
  for (const auto& [name, operand] : of_forward) {
    auto f = valid_forward();
    (f.*operand).dtype = 99;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {(std::string(name) + ": ").c_str(), "99"});
  }
  const std::pair<const char*, rectify_tensor B::*> of_backward[] = {{"dy.dtype", &B::dy},
                                                                     {"x.dtype", &B::x},
                                                                     {"y.dtype", &B::y},
                                                                     {"mask.dtype", &B::mask},
                                                                     {"scale.dtype", &B::scale},
                                                                     {"bias.dtype", &B::bias},
                                                                     {"residual.dtype", &B::residual},
                                                                     {"alpha.dtype", &B::alpha},
                                                                     {"threshold.dtype", &B::threshold},
                                                                     {"max_value.dtype", &B::max_value},
                                                                     {"dx.dtype", &B::dx},
                                                                     {"dresidual.dtype", &B::dresidual},
                                                                     {"dscale.dtype", &B::dscale},
                                                                     {"dbias.dtype", &B::dbias},
                                                                     {"dalpha.dtype", &B::dalpha},
                                                                     {"dthreshold.dtype", &B::dthreshold},
                                                                     {"dmax_value.dtype", &B::dmax_value}};
  for (const auto& [name, operand] : of_backward) {
    auto b = valid_backward();
    (b.*operand).dtype = 99;
    expect(RECTIFY_INVALID_ARGUMENT, rectify_backward(&relu, &b, nullptr), {(std::string(name) + ": ").c_str(), "99"});
  }
}

TEST_F(CApi, TakesNullDataOfTensorsWithoutElements) {
  auto f = valid_forward();
  for (rectify_tensor* tensor : {&f.x, &f.y}) {
    tensor->data = nullptr;
    tensor->shape[0] = 0;
  }
  expect(RECTIFY_OK, rectify_forward(&relu, &f, nullptr), {});
  f.y = {};
  expect(RECTIFY_INVALID_ARGUMENT, rectify_forward(&relu, &f, nullptr), {"y, mask", "a tensor in one of them"});
}

}  // namespace
}  // namespace rectify::test
