// Parameter tensors and residuals that are rejected, and those that must not be.
#include "rejection.hpp"

namespace rectify::test {
namespace {

/// Each optional operand of one element or one a channel, in both verbs.
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

class ParameterRejection : public Rejection {
 protected:
  ConstTensorView tensor(const Shape& shape, DType dtype = DType::f32) const { return {spare, dtype, shape, Device::cpu()}; }

  /// In place of each parameter, in each verb. `words` beside the parameter's name.
  template <class E = InvalidArgument>
  void rejects_each(const ConstTensorView& view, std::initializer_list<const char*> words, int channel_axis = 1) {
    for (const ParameterName& parameter : parameters) {
      SCOPED_TRACE(parameter.name);
      with(parameter, view, channel_axis);
      rejects<E>(f_, {parameter.name});
      rejects<E>(f_, words);
      rejects<E>(b_, {parameter.name});
      rejects<E>(b_, words);
    }
  }
  void accepts_each(const ConstTensorView& view, int channel_axis = 1) {
    for (const ParameterName& parameter : parameters) {
      SCOPED_TRACE(parameter.name);
      with(parameter, view, channel_axis);
      accepts(f_);
      accepts(b_);
    }
  }

  /// The dtype of x and of every tensor like it, from here on.
  void tensors_are(DType dtype) { dtype_ = dtype; }

 private:
  void with(const ParameterName& parameter, const ConstTensorView& view, int channel_axis) {
    f_ = sound_forward();
    b_ = sound_backward();
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

TEST_F(ParameterRejection, NeitherOneElementNorOneAChannel) {
  rejects_each(tensor({2}), {"1 element, or 3, the extent of axis 1", "[2]"});
  rejects_each(tensor({6}), {"1 element, or 3, the extent of axis 1", "[6]"});
  rejects_each(tensor({0}), {"1 element, or 3, the extent of axis 1", "[0]"});
  rejects_each(tensor({3}), {"1 element, or 2, the extent of axis 0", "[3]"}, 0);
  rejects_each(tensor({3}), {"1 element, or 2, the extent of axis 0", "[3]"}, -2);
}

TEST_F(ParameterRejection, MoreThanOneExtentThatIsNotOne) {
  rejects_each(tensor({2, 3}), {"one extent other than 1 at most", "[2, 3]"});
  rejects_each(tensor({3, 1, 3}), {"one extent other than 1 at most", "[3, 1, 3]"});
  rejects_each(tensor({2, 3}), {"one extent other than 1 at most"}, 99);
}

TEST_F(ParameterRejection, ChannelsOfATensorWithoutAxes) {
  Forward f = sound_forward();
  f.x = ConstTensorView(x, {}, Device::cpu());
  f.y = TensorView(y, {}, Device::cpu());
  f.bias = tensor({3});
  rejects(f, {"channel_axis", "rank 1 at least", "rank 0"});
}

TEST_F(ParameterRejection, EveryFormOfOneElementOrOneAChannelIsServed) {
  for (const Shape& one : {Shape{}, Shape{1}, Shape{1, 1, 1}}) accepts_each(tensor(one));
  for (const Shape& three : {Shape{3}, Shape{1, 3}, Shape{1, 3, 1, 1}, Shape{3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 3}})
    accepts_each(tensor(three));
  accepts_each(tensor({3}), -1);
  accepts_each(tensor({2}), 0);
  accepts_each(tensor({2}), -2);
  for (std::int64_t stride : {0, 2}) accepts_each(tensor({3}).strided({stride}));
}

/// In x's rank the axis of a parameter is its own word for the channel axis; the sizes may agree by chance.
TEST_F(ParameterRejection, OfXsRankAlongAnotherAxis) {
  rejects_each(tensor({3, 1}), {"1 element, or 3 along axis 1, the channel axis", "[3, 1]"});
  rejects_each(tensor({1, 2}), {"1 element, or 2 along axis 0, the channel axis", "[1, 2]"}, 0);
  Forward f;
  f.x = ConstTensorView(x, {1, 3, 1, 3}, Device::cpu());
  f.y = TensorView(spare, {1, 3, 1, 3}, Device::cpu());
  f.alpha = ConstTensorView(y, {1, 1, 1, 3}, Device::cpu());
  rejects(f, {"alpha", "3 along axis 1, the channel axis", "[1, 1, 1, 3]"});
  for (int axis : {3, -1}) {
    f.channel_axis = axis;
    accepts(f);
  }
}

TEST_F(ParameterRejection, AChannelAxisThatXHasNot) {
  for (int axis : {2, -3, 99, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    for (const ParameterName& parameter : parameters) {
      Forward f = sound_forward();
      Backward b = sound_backward();
      f.*parameter.forward = b.*parameter.backward = tensor({3});
      f.channel_axis = b.channel_axis = axis;
      rejects(f, {"channel_axis", "-2 to 1", std::to_string(axis).c_str()});
      rejects(b, {"channel_axis", "-2 to 1", std::to_string(axis).c_str()});
    }
    accepts_each(tensor({1}), axis);  // no parameter has channels, so the axis does not count
    Forward f = sound_forward();
    f.channel_axis = axis;
    accepts(f);
  }
}

TEST_F(ParameterRejection, ANumberHasNoChannels) {
  Forward f;
  f.x = ConstTensorView(x, {}, Device::cpu());
  f.y = TensorView(y, {}, Device::cpu());
  f.bias = tensor({3});
  for (int axis : {0, -1, 1}) {
    f.channel_axis = axis;
    rejects(f, {"channel_axis"});
  }
  f.bias = tensor({1});
  accepts(f);
}

TEST_F(ParameterRejection, Dtypes) {
  for (DType dtype : {DType::f64, DType::f16, DType::bf16, DType::u1, static_cast<DType>(99)})
    rejects_each(tensor({3}, dtype), {"dtype f32 as x"});
  tensors_are(DType::f16);
  for (DType dtype : {DType::bf16, DType::f64, DType::u2}) rejects_each(tensor({3}, dtype), {"dtype f16 as x, or f32"});
  for (DType dtype : {DType::f16, DType::f32}) accepts_each(tensor({3}, dtype));
  tensors_are(DType::bf16);
  rejects_each(tensor({3}, DType::f16), {"dtype bf16 as x, or f32", "f16"});
  for (DType dtype : {DType::bf16, DType::f32}) accepts_each(tensor({3}, dtype));
  tensors_are(DType::f64);
  for (DType dtype : {DType::f32, DType::f16}) rejects_each(tensor({3}, dtype), {"dtype f64 as x"});
  accepts_each(tensor({3}, DType::f64));
}

TEST_F(ParameterRejection, PlacesAndData) {
  rejects_each(ConstTensorView(spare, {3}, Device::cuda(0)), {"device cpu as x", "cuda:0"});
  rejects_each(ConstTensorView(static_cast<const float*>(nullptr), {3}, Device::cpu()), {"data", "null"});
  rejects_each(ConstTensorView(reinterpret_cast<const char*>(spare) + 2, DType::f32, {3}, Device::cpu()),
               {"aligned to 4 bytes"});
  rejects_each<Unsupported>(tensor({3}).strided({-1}), {"strides from 0 up", "[-1]"});
  for (std::int64_t any :
       {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    accepts_each(tensor({1}).strided({any}));
    accepts_each(tensor({1, 3}).strided({any, 1}));
  }
  rejects_each(tensor({-3}), {"extents from 0 up", "[-3]"});
}

TEST_F(ParameterRejection, ValuesInTensorsAreNeverInspected) {
  for (double v : {nan, inf, -inf, 1e30}) {
    for (const ParameterName& parameter : parameters) {
      *spare = static_cast<float>(v);
      Forward f = sound_forward();
      Backward b = sound_backward();
      f.*parameter.forward = b.*parameter.backward = tensor({1});
      EXPECT_NO_THROW(forward(relu6(), f)) << parameter.name << " " << v;
      EXPECT_NO_THROW(backward(relu6(), b)) << parameter.name << " " << v;
    }
  }
}

TEST_F(ParameterRejection, NumbersAreInspectedAlsoWhereATensorOverridesThem) {
  Forward f = sound_forward();
  Backward b = sound_backward();
  f.alpha = b.alpha = f.threshold = b.threshold = f.max_value = b.max_value = tensor({1});
  rejects(f, {"alpha"}, {nan});
  rejects(b, {"alpha"}, {inf});
  rejects(f, {"threshold"}, {0, 1e300});
  rejects(b, {"max_value"}, {0, 2, 1});
}

/// A residual, and its gradient, are tensors like x.
TEST_F(ParameterRejection, ResidualsUnlikeX) {
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
    Forward f = sound_forward();
    f.residual = c.view;
    rejects(f, {"residual", c.words});
    Backward b = sound_backward();
    b.residual = c.view;
    rejects(b, {"residual", c.words});
    b = sound_backward();
    b.dresidual = TensorView(const_cast<void*>(c.view.data()), c.view.dtype(), c.view.shape(), c.view.device());
    rejects(b, {"dresidual", c.words});
  }
}

TEST_F(ParameterRejection, StridesOfResidualsAndTheirGradients) {
  Forward f = sound_forward();
  f.residual = in(spare).strided({0, 1});
  accepts(f);
  f.residual = in(spare).strided({3, -1});
  rejects<Unsupported>(f, {"residual", "strides from 0 up"});
  Backward b = sound_backward();
  b.dresidual = out(spare).strided({0, 1});
  rejects(b, {"dresidual", "does not overlap itself"});
  b.dresidual = out(spare).strided({4, -1});
  rejects<Unsupported>(b, {"dresidual", "strides from 0 up"});
  b.dresidual = out(spare);
  b.dx = {};
  accepts(b);
}

TEST_F(ParameterRejection, NoChannelsNeedNoData) {
  Forward f;
  f.x = ConstTensorView(static_cast<const float*>(nullptr), {2, 0}, Device::cpu());
  f.y = TensorView(static_cast<float*>(nullptr), {2, 0}, Device::cpu());
  f.bias = ConstTensorView(static_cast<const float*>(nullptr), {0}, Device::cpu());
  accepts(f);
  f.bias = tensor({3});
  rejects(f, {"bias", "1 element, or 0"});
}

}  // namespace
}  // namespace rectify::test
