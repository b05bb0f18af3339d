// Invalid masks, sources of backward() that do not go with other operands, and calls without an output.
#include "validation.hpp"

namespace rectify::test {
namespace {

class MaskValidation : public Validation {
 protected:
  TensorView mask(DType dtype = DType::u1, const Shape& shape = {2, 3}) const { return {spare, dtype, shape, Device::cpu()}; }
  Forward forward_with(const TensorView& view) {
    Forward f = valid_forward();
    f.mask = view;
    return f;
  }
  Backward backward_from(const TensorView& view) {
    Backward b = valid_backward();
    b.x = {};
    b.mask = view;
    return b;
  }

  template <class E = InvalidArgument>
  void expect_mask_rejected(const TensorView& view, std::initializer_list<const char*> words) {
    expect_rejected<E>(forward_with(view), {"mask"});
    expect_rejected<E>(forward_with(view), words);
    expect_rejected<E>(backward_from(view), {"mask"});
    expect_rejected<E>(backward_from(view), words);
  }
};

TEST_F(MaskValidation, AcceptsValidMasks) {
  for (DType dtype : {DType::u1, DType::u2}) {
    expect_accepted(forward_with(mask(dtype)));
    expect_accepted(backward_from(mask(dtype)));
  }
  Forward f = forward_with(mask());
  f.y = {};
  expect_accepted(f);
  const auto at_any_byte = TensorView(reinterpret_cast<unsigned char*>(spare) + 3, DType::u1, {2, 3}, Device::cpu());
  expect_accepted(forward_with(at_any_byte));
  expect_accepted(backward_from(at_any_byte));
}

TEST_F(MaskValidation, RejectsInvalidDtypesShapesDevicesAndData) {
  for (DType dtype : {DType::f32, DType::f16, static_cast<DType>(99)}) expect_mask_rejected(mask(dtype), {"dtype u1 or u2"});
  for (const Shape& shape : {Shape{3, 2}, Shape{6}, Shape{2, 1}, Shape{2, 4}, Shape{1, 2, 3}})
    expect_mask_rejected(mask(DType::u1, shape), {"shape [2, 3]"});
  expect_mask_rejected(TensorView(spare, DType::u1, {2, 3}, Device::cuda(0)), {"device cpu", "cuda:0"});
  expect_mask_rejected(TensorView(nullptr, DType::u1, {2, 3}, Device::cpu()), {"data", "null"});
}

TEST_F(MaskValidation, RejectsStridesThatAreNotDense) {
  for (const Strides& strides : {Strides{4, 1}, Strides{0, 1}, Strides{1, 1}, Strides{2, 1}, Strides{6, 2}, Strides{8, 1}})
    expect_mask_rejected(mask().strided(strides), {"dense strides", "[2, 3]"});
  expect_mask_rejected<Unsupported>(mask().strided({3, -1}), {"strides from 0 up"});
  expect_accepted(forward_with(mask().strided({1, 2})));
  expect_accepted(backward_from(mask().strided({1, 2})));
}

TEST_F(MaskValidation, RejectsOneBitIfTwoAreNeeded) {
  const ConstTensorView one(spare + 16, {1}, Device::cpu());
  const struct {
    Relu relu;
    bool alpha, max_value;
  } cases[] = {{{0.5, 0, 6}, false, false}, {{-0.5, 0, 6}, false, false}, {{0, 0, 6}, true, false},  {{0.5, 0}, false, true},
               {{0.5, 0}, true, true},      {{0, 0}, true, true},         {{0.5, 0, 6}, false, true}};
  for (const auto& c : cases) {
    for (DType dtype : {DType::u1, DType::u2}) {
      Forward f = forward_with(mask(dtype));
      Backward b = backward_from(mask(dtype));
      if (c.alpha) f.alpha = b.alpha = one;
      if (c.max_value) f.max_value = b.max_value = one;
      EXPECT_EQ(mask_dtype(c.relu, f), DType::u2);
      if (dtype == DType::u1) {
        expect_rejected(f, {"mask", "u2", "there is a cap", "u1"}, c.relu);
        expect_rejected(b, {"mask", "u2", "there is a cap", "u1"}, c.relu);
      } else {
        expect_accepted(f, c.relu);
        expect_accepted(b, c.relu);
      }
    }
  }
}

TEST_F(MaskValidation, AcceptsOneBitIfItIsEnough) {
  const ConstTensorView one(spare + 16, {1}, Device::cpu());
  const struct {
    Relu relu;
    bool alpha, max_value;
  } cases[] = {{{0.5, 1}, false, false},       {{0, 0, 6}, false, false}, {{-0.0, 0, 6}, false, false},
               {{1e-60, 0, 6}, false, false},  {{0.5, 0}, true, false},   {{0, 0, 6}, false, true},
               {{0.5, 0, 1e300}, false, false}};
  for (const auto& c : cases) {
    Forward f = forward_with(mask());
    Backward b = backward_from(mask());
    if (c.alpha) f.alpha = b.alpha = one;
    if (c.max_value) f.max_value = b.max_value = one;
    EXPECT_EQ(mask_dtype(c.relu, f), DType::u1);
    expect_accepted(f, c.relu);
    expect_accepted(b, c.relu);
  }
}

TEST_F(MaskValidation, RejectsOtherSourcesBesideTheMask) {
  Backward b = backward_from(mask());
  b.x = in(x);
  expect_rejected(b, {"source", "exactly one of x, y, mask", "x and mask"});
  b.y = in(y);
  expect_rejected(b, {"source", "x and y and mask"});
  b.x = {};
  expect_rejected(b, {"source", "y and mask"});
}

TEST_F(MaskValidation, RejectsOperandsThatTheSourceMaskDoesNotUse) {
  Backward b = backward_from(mask());
  b.bias = ConstTensorView(spare + 16, {1}, Device::cpu());
  expect_rejected(b, {"bias", "the source is a mask"});
  b = backward_from(mask());
  b.residual = in(spare + 16);
  expect_rejected(b, {"residual", "the source is a mask"});
  b = backward_from(mask());
  for (auto operand : {&Backward::scale, &Backward::alpha, &Backward::threshold, &Backward::max_value})
    b.*operand = ConstTensorView(spare + 16, {3}, Device::cpu());
  b.dresidual = out(spare + 32);
  b.mask = mask(DType::u2);
  expect_accepted(b);
}

TEST_F(MaskValidation, RejectsOperandsThatTheSourceYDoesNotUse) {
  const struct {
    const char* name;
    ConstTensorView Backward::*operand;
    Shape shape;
  } operands[] = {{"scale", &Backward::scale, {1}},
                  {"alpha", &Backward::alpha, {1}},
                  {"threshold", &Backward::threshold, {3}},
                  {"max_value", &Backward::max_value, {1}},
                  {"residual", &Backward::residual, {2, 3}}};
  for (const auto& [name, operand, shape] : operands) {
    Backward b = valid_backward();
    b.x = {};
    b.y = in(y);
    b.*operand = ConstTensorView(spare, shape, Device::cpu());
    expect_rejected(b, {name, "the source is y"});
  }
  Backward b = valid_backward();
  b.x = {};
  b.y = in(y);
  b.dresidual = out(spare);
  expect_accepted(b);
  b.bias = ConstTensorView(spare + 16, {3}, Device::cpu());
  expect_accepted(b);
  b.bias = ConstTensorView(spare + 16, {2}, Device::cpu());
  expect_rejected(b, {"bias", "1 element, or 3"});
}

TEST_F(MaskValidation, RejectsCallsWithoutAnOutput) {
  Forward f = valid_forward();
  f.y = {};
  expect_rejected(f, {"y, mask", "none"});
  for (const TensorView& source : {TensorView(), mask()}) {
    Backward b = source.present() ? backward_from(source) : valid_backward();
    b.dx = {};
    expect_rejected(b, {"dx, dresidual", "none"});
  }
}

TEST_F(MaskValidation, AcceptsANullMaskOfNoElements) {
  const TensorView none(static_cast<float*>(nullptr), {0, 3}, Device::cpu());
  Forward f;
  f.x = none;
  f.mask = TensorView(nullptr, DType::u1, {0, 3}, Device::cpu());
  expect_accepted(f);
  f.mask = TensorView(nullptr, DType::u1, {3, 0}, Device::cpu());
  expect_rejected(f, {"mask", "shape [0, 3] as x"});
}

}  // namespace
}  // namespace rectify::test
