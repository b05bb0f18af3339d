// Shapes, strides and views as values.
#include <rectify/rectify.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace rectify {
namespace {

TEST(TensorView, IsRowMajorUnlessStrided) {
  float data[24] = {};
  const TensorView view(data, {2, 3, 4}, Device::cpu());
  EXPECT_EQ(view.strides(), (Strides{12, 4, 1}));
  EXPECT_EQ(view.dtype(), DType::f32);
  EXPECT_EQ(view.strided({1, 2, 6}).strides(), (Strides{1, 2, 6}));
  EXPECT_EQ(view.strided({1, 2, 6}).data(), data);
}

TEST(TensorView, IsAbsentByDefaultAndConvertsToConst) {
  EXPECT_FALSE(TensorView().present());
  double data[1] = {};
  const ConstTensorView view = TensorView(data, {}, Device::cuda(1));
  EXPECT_TRUE(view.present());
  EXPECT_EQ(view.dtype(), DType::f64);
  EXPECT_EQ(view.device(), Device::cuda(1));
  EXPECT_NE(view.device(), Device::cpu());
}

TEST(TensorView, TakesShapesFromListsAndPointers) {
  const std::vector<std::int64_t> extents{2, 3};
  EXPECT_EQ(Shape(extents.data(), 2), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
  EXPECT_EQ(Shape(nullptr, 0).rank(), 0);
}

TEST(TensorView, RejectsRanksItCannotHold) {
  const std::vector<std::int64_t> nine(9, 1);
  EXPECT_THROW(Shape(nine.data(), 9), InvalidArgument);
  EXPECT_THROW(Shape(nine.data(), -1), InvalidArgument);
  EXPECT_THROW(Shape(nullptr, 1), InvalidArgument);
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), InvalidArgument);
  float data[1] = {};
  EXPECT_THROW(TensorView(data, {1, 1}, Device::cpu()).strided({1}), InvalidArgument);
}

TEST(MaskBytes, RoundsBitsUpToWholeBytes) {
  EXPECT_EQ(mask_bytes(DType::u1, {0}), 0u);
  EXPECT_EQ(mask_bytes(DType::u1, {8}), 1u);
  EXPECT_EQ(mask_bytes(DType::u1, {3, 3}), 2u);
  EXPECT_EQ(mask_bytes(DType::u2, {4}), 1u);
  EXPECT_EQ(mask_bytes(DType::u2, {5}), 2u);
  EXPECT_EQ(mask_bytes(DType::u1, {}), 1u);
  EXPECT_THROW(mask_bytes(DType::f32, {8}), InvalidArgument);
  EXPECT_THROW(mask_bytes(DType::u1, {-8}), InvalidArgument);
  EXPECT_THROW(mask_bytes(DType::u1, {std::int64_t{1} << 62, 4}), InvalidArgument);
}

TEST(MaskDtype, IsAsNarrowAsTheParametersAllow) {
  Forward operands;
  operands.x = ConstTensorView(static_cast<const float*>(nullptr), {8}, Device::cpu());
  EXPECT_EQ(mask_dtype(relu(), operands), DType::u1);
  EXPECT_EQ(mask_dtype(relu6(), operands), DType::u1);
  EXPECT_EQ(mask_dtype(leaky_relu(0.1), operands), DType::u1);
  EXPECT_EQ(mask_dtype({0.1, 0, 6}, operands), DType::u2);
  EXPECT_EQ(mask_dtype({1e-60, 0, 6}, operands), DType::u1);
  EXPECT_EQ(mask_dtype({0.1, 0, 1e300}, operands), DType::u1);
  operands.max_value = operands.x;
  EXPECT_EQ(mask_dtype(leaky_relu(0.1), operands), DType::u2);
  EXPECT_EQ(mask_dtype(relu(), operands), DType::u1);
  operands.alpha = operands.x;
  EXPECT_EQ(mask_dtype(relu(), operands), DType::u2);
}

}  // namespace
}  // namespace rectify
