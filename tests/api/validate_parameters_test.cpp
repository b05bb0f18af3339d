// Parameter tensors and residuals that are rejected, and those that are accepted.
#include "validation.hpp"

namespace rectify::test {
namespace {

/// An optional operand with one element or one per channel, in both functions.
struct ParameterName {
  const char* name;
  ConstTensorView Forward::*forward;
  ConstTensorView Backward::*backward;
};
constexpr ParameterName parameters[] = {
    {"scale", &Forward::scale, &Backward::scale},
    {"bias", &Forward::bias, &Backward::bias},
    {"alpha", &Forward::alpha, &Backward::alpha},
    {"threshold", &Forward::threshold, &Backward::threshold},
    {"max_value", &Forward::max_value, &Backward::max_value},
};

class ParameterValidation : public Validation {
 protected:
  ConstTensorView tensor(const Shape& shape, DType dtype = DType::f32) const { return {spare, dtype, shape, Device::cpu()}; }

  /// Passes `view` as each parameter of each function; the text holds the parameter's name and each of `words`.
  template <class E = InvalidArgument>
  void expect_each_rejected(const ConstTensorView& view, std::initializer_list<const char*> words, int channel_axis = 1) {
    for (const ParameterName& parameter : parameters) {
      SCOPED_TRACE(parameter.name);
      with(parameter, view, channel_axis);
      expect_rejected<E>(f_, {parameter.name});
      expect_rejected<E>(f_, words);
      expect_rejected<E>(b_, {parameter.name});
      expect_rejected<E>(b_, words);
    }
  }
  void expect_each_accepted(const ConstTensorView& view, int channel_axis = 1) {
    for (const ParameterName& parameter : parameters) {
      SCOPED_TRACE(parameter.name);
      with(parameter, view, channel_axis);
      expect_accepted(f_);
      expect_accepted(b_);
    }
  }

  /// Sets the dtype of x and of every tensor like x in the following calls.
  void tensors_are(DType dtype) { dtype_ = dtype; }

 private:
  void with(const ParameterName& parameter, const ConstTensorView& view, int channel_axis) {
    f_ = valid_forward();
    b_ = valid_backward();
    f_.x = b_.x = {x, dtype_, {2, 3}, Device::cpu()};
    f_.y = {static_cast<void*>(y), dtype_, {2, 3}, Device::cpu()};
    b_.dy = {dy, dtype_, {2, 3}, Device::cpu()};
    b_.dx = {static_cast<void*>(dx), dtype_, {2, 3}, Device::cpu()};
    f_.channel_axis = b_.channel_axis = channel_axis;
    f_.*parameter.forward = b_.*parameter.backward = view;
  }

  DType dtype_ = DType::f32;
  Forward f_;
  Backward b_;
};

TEST_F(ParameterValidation, RejectsLengthsOtherThanOneOrTheChannels) {
  expect_each_rejected(tensor({2}), {"1 element, or 3, the extent of axis 1", "[2]"});
  expect_each_rejected(tensor({6}), {"1 element, or 3, the extent of axis 1", "[6]"});
  expect_each_rejected(tensor({0}), {"1 element, or 3, the extent of axis 1", "[0]"});
  expect_each_rejected(tensor({3}), {"1 element, or 2, the extent of axis 0", "[3]"}, 0);
  expect_each_rejected(tensor({3}), {"1 element, or 2, the extent of axis 0", "[3]"}, -2);
}

TEST_F(ParameterValidation, RejectsMoreThanOneExtentOtherThanOne) {
  expect_each_rejected(tensor({2, 3}), {"one extent other than 1 at most", "[2, 3]"});
  expect_each_rejected(tensor({3, 1, 3}), {"one extent other than 1 at most", "[3, 1, 3]"});
  expect_each_rejected(tensor({2, 3}), {"one extent other than 1 at most"}, 99);
}

TEST_F(ParameterValidation, RejectsChannelsOfATensorWithoutAxes) {
  Forward f = valid_forward();
  f.x = ConstTensorView(x, {}, Device::cpu());
  f.y = TensorView(y, {}, Device::cpu());
  f.bias = tensor({3});
  expect_rejected(f, {"channel_axis", "rank 1 at least", "rank 0"});
}

TEST_F(ParameterValidation, AcceptsEveryShapeOfOneElementOrOnePerChannel) {
  for (const Shape& one : {Shape{}, Shape{1}, Shape{1, 1, 1}}) expect_each_accepted(tensor(one));
  for (const Shape& three : {Shape{3}, Shape{1, 3}, Shape{1, 3, 1, 1}, Shape{3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 3}})
    expect_each_accepted(tensor(three));
  expect_each_accepted(tensor({3}), -1);
  expect_each_accepted(tensor({2}), 0);
  expect_each_accepted(tensor({2}), -2);
  for (std::int64_t stride : {0, 2}) expect_each_accepted(tensor({3}).strided({stride}));
}

/// A parameter of x's rank states its channel axis by its shape, which must be channel_axis even if the extents agree.
TEST_F(ParameterValidation, RejectsParametersOfXsRankAlongAnotherAxis) {
  expect_each_rejected(tensor({3, 1}), {"1 element, or 3 along axis 1, the channel axis", "[3, 1]"});
  expect_each_rejected(tensor({1, 2}), {"1 element, or 2 along axis 0, the channel axis", "[1, 2]"}, 0);
  Forward f;
  f.x = ConstTensorView(x, {1, 3, 1, 3}, Device::cpu());
  f.y = TensorView(spare, {1, 3, 1, 3}, Device::cpu());
  f.alpha = ConstTensorView(y, {1, 1, 1, 3}, Device::cpu());
  expect_rejected(f, {"alpha", "3 along axis 1, the channel axis", "[1, 1, 1, 3]"});
  for (int axis : {3, -1}) {
    f.channel_axis = axis;
    expect_accepted(f);
  }
}

TEST_F(ParameterValidation, RejectsAChannelAxisThatXDoesNotHave) {
  for (int axis : {2, -3, 99, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    for (const ParameterName& parameter : parameters) {
      Forward f = valid_forward();
      Backward b = valid_backward();
      f.*parameter.forward = b.*parameter.backward = tensor({3});
      f.channel_axis = b.channel_axis = axis;
      expect_rejected(f, {"channel_axis", "-2 to 1", std::to_string(axis).c_str()});
      expect_rejected(b, {"channel_axis", "-2 to 1", std::to_string(axis).c_str()});
    }
    expect_each_accepted(tensor({1}), axis);  // no parameter has channels, so the axis is ignored
    Forward f = valid_forward();
    f.channel_axis = axis;
    expect_accepted(f);
  }
}

TEST_F(ParameterValidation, RejectsEveryChannelAxisOfAScalarX) {
  Forward f;
  f.x = ConstTensorView(x, {}, Device::cpu());
  f.y = TensorView(y, {}, Device::cpu());
  f.bias = tensor({3});
  for (int axis : {0, -1, 1}) {
    f.channel_axis = axis;
    expect_rejected(f, {"channel_axis"});
  }
  f.bias = tensor({1});
  expect_accepted(f);
}

TEST_F(ParameterValidation, AcceptsTheDtypeOfXAndF32BesideHalves) {
  for (DType dtype : {DType::f64, DType::f16, DType::bf16, DType::u1, static_cast<DType>(99)})
    expect_each_rejected(tensor({3}, dtype), {"dtype f32 as x"});
  tensors_are(DType::f16);
  for (DType dtype : {DType::bf16, DType::f64, DType::u2}) expect_each_rejected(tensor({3}, dtype), {"dtype f16 as x, or f32"});
  for (DType dtype : {DType::f16, DType::f32}) expect_each_accepted(tensor({3}, dtype));
  tensors_are(DType::bf16);
  expect_each_rejected(tensor({3}, DType::f16), {"dtype bf16 as x, or f32", "f16"});
  for (DType dtype : {DType::bf16, DType::f32}) expect_each_accepted(tensor({3}, dtype));
  tensors_are(DType::f64);
  for (DType dtype : {DType::f32, DType::f16}) expect_each_rejected(tensor({3}, dtype), {"dtype f64 as x"});
  expect_each_accepted(tensor({3}, DType::f64));
}

TEST_F(ParameterValidation, RejectsInvalidDevicesDataAndStrides) {
  expect_each_rejected(ConstTensorView(spare, {3}, Device::cuda(0)), {"device cpu as x", "cuda:0"});
  expect_each_rejected(ConstTensorView(static_cast<const float*>(nullptr), {3}, Device::cpu()), {"data", "null"});
  expect_each_rejected(ConstTensorView(reinterpret_cast<const char*>(spare) + 2, DType::f32, {3}, Device::cpu()),
                       {"aligned to 4 bytes"});
  expect_each_rejected<Unsupported>(tensor({3}).strided({-1}), {"strides from 0 up", "[-1]"});
  for (std::int64_t any :
       {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    expect_each_accepted(tensor({1}).strided({any}));
    expect_each_accepted(tensor({1, 3}).strided({any, 1}));
  }
  expect_each_rejected(tensor({-3}), {"extents from 0 up", "[-3]"});
}

TEST_F(ParameterValidation, NeverInspectsValuesInTensors) {
  for (double v : {nan, inf, -inf, 1e30}) {
    for (const ParameterName& parameter : parameters) {
      *spare = static_cast<float>(v);
      Forward f = valid_forward();
      Backward b = valid_backward();
      f.*parameter.forward = b.*parameter.backward = tensor({1});
      EXPECT_NO_THROW(forward(relu6(), f)) << parameter.name << " " << v;
      EXPECT_NO_THROW(backward(relu6(), b)) << parameter.name << " " << v;
    }
  }
}

TEST_F(ParameterValidation, RejectsInvalidScalarsEvenIfATensorReplacesThem) {
  Forward f = valid_forward();
  Backward b = valid_backward();
  f.alpha = b.alpha = f.threshold = b.threshold = f.max_value = b.max_value = tensor({1});
  expect_rejected(f, {"alpha"}, {nan});
  expect_rejected(b, {"alpha"}, {inf});
  expect_rejected(f, {"threshold"}, {0, 1e300});
  expect_rejected(b, {"max_value"}, {0, 2, 1});
}

/// A residual, and its gradient, are tensors like x.
TEST_F(ParameterValidation, RejectsResidualsUnlikeX) {
  const struct {
    ConstTensorView view;
    const char* words;
  } cases[] = {{{spare, {3, 2}, Device::cpu()}, "shape [2, 3] as x"},
               {{spare, {6}, Device::cpu()}, "shape [2, 3] as x"},
               {{spare, {1, 3}, Device::cpu()}, "shape [2, 3] as x"},
               {{spare, DType::f16, {2, 3}, Device::cpu()}, "dtype f32 as x"},
               {{spare, DType::u1, {2, 3}, Device::cpu()}, "dtype f16, bf16, f32 or f64"},
               {{spare, {2, 3}, Device::cuda(0)}, "device cpu as x"},
               {in(nullptr), "null"}};
  for (const auto& c : cases) {
    Forward f = valid_forward();
    f.residual = c.view;
    expect_rejected(f, {"residual", c.words});
    Backward b = valid_backward();
    b.residual = c.view;
    expect_rejected(b, {"residual", c.words});
    b = valid_backward();
    b.dresidual = TensorView(const_cast<void*>(c.view.data()), c.view.dtype(), c.view.shape(), c.view.device());
    expect_rejected(b, {"dresidual", c.words});
  }
}

TEST_F(ParameterValidation, RejectsInvalidStridesOfResidualsAndTheirGradients) {
  Forward f = valid_forward();
  f.residual = in(spare).strided({0, 1});
  expect_accepted(f);
  f.residual = in(spare).strided({3, -1});
  expect_rejected<Unsupported>(f, {"residual", "strides from 0 up"});
  Backward b = valid_backward();
  b.dresidual = out(spare).strided({0, 1});
  expect_rejected(b, {"dresidual", "does not overlap itself"});
  b.dresidual = out(spare).strided({4, -1});
  expect_rejected<Unsupported>(b, {"dresidual", "strides from 0 up"});
  b.dresidual = out(spare);
  b.dx = {};
  expect_accepted(b);
}

TEST_F(ParameterValidation, AcceptsNullDataOfNoChannels) {
  Forward f;
  f.x = ConstTensorView(static_cast<const float*>(nullptr), {2, 0}, Device::cpu());
  f.y = TensorView(static_cast<float*>(nullptr), {2, 0}, Device::cpu());
  f.bias = ConstTensorView(static_cast<const float*>(nullptr), {0}, Device::cpu());
  expect_accepted(f);
  f.bias = tensor({3});
  expect_rejected(f, {"bias", "1 element, or 0"});
}

}  // namespace
}  // namespace rectify::test
