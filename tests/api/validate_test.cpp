// Invalid calls: the type and the text of the exception, and outputs that are not written. Optional operands are tested in
// validate_parameters_test.cpp, validate_masks_test.cpp and validate_sums_test.cpp, memory in validate_memory_test.cpp,
// validate_overlap_test.cpp and validate_workspace_test.cpp.
#include "validation.hpp"

namespace rectify::test {
namespace {

TEST_F(Validation, AcceptsValidCalls) {
  EXPECT_NO_THROW(forward(relu(), valid_forward()));
  EXPECT_NO_THROW(backward(relu(), valid_backward()));
}

TEST_F(Validation, RejectsInvalidParameters) {
  const struct {
    Relu relu;
    const char* name;
  } cases[] = {{{nan}, "alpha"},         {{inf}, "alpha"},           {{-inf}, "alpha"},          {{1e300}, "alpha"},
               {{0, nan}, "threshold"},  {{0, inf}, "threshold"},    {{0, -1e300}, "threshold"}, {{0, 0, nan}, "max_value"},
               {{0, 2, 1}, "max_value"}, {{0, 0, -inf}, "max_value"}};
  for (const auto& c : cases) {
    expect_rejected(valid_forward(), {c.name, "expected", "got"}, c.relu);
    expect_rejected(valid_backward(), {c.name, "expected", "got"}, c.relu);
  }
}

TEST_F(Validation, RejectsInvalidGains) {
  const struct {
    double gain;
    const char* expected;
  } cases[] = {{nan, "a finite number other than 0"},        {inf, "a finite number other than 0"},
               {-inf, "a finite number other than 0"},       {0, "a finite number other than 0"},
               {-0.0, "a finite number other than 0"},       {1e39, "a number within the range of float"},
               {1e-50, "a number within the range of float"}};
  const TensorView none(static_cast<float*>(nullptr), {0}, Device::cpu());
  for (const auto& [gain, expected] : cases) {
    Forward f = valid_forward();
    Backward b = valid_backward();
    f.gain = b.gain = gain;
    expect_rejected(f, {"gain", expected, "got"});
    expect_rejected(b, {"gain", expected, "got"});
    expect_throw<InvalidArgument>([&] { workspace_bytes(relu(), b); }, {"gain"});
    f.x = f.y = none;
    expect_rejected(f, {"gain", expected});
  }
  Backward b = valid_backward();
  b.gain = -1e-40;
  expect_accepted(b);
}

TEST_F(Validation, RejectsMissingOperands) {
  Forward f = valid_forward();
  f.x = {};
  expect_rejected(f, {"x", "a tensor", "none"});
  f = valid_forward();
  f.y = {};
  expect_rejected(f, {"y, mask", "a tensor in one of them", "none"});
  Backward b = valid_backward();
  b.dy = {};
  expect_rejected(b, {"dy", "a tensor", "none"});
  b = valid_backward();
  b.dx = {};
  expect_rejected(b, {"dx, dresidual", "a tensor in one of the outputs", "none"});
}

TEST_F(Validation, RejectsOtherThanExactlyOneSource) {
  Backward b = valid_backward();
  b.x = {};
  expect_rejected(b, {"source", "exactly one of x, y, mask", "none"});
  b = valid_backward();
  b.y = in(y);
  expect_rejected(b, {"source", "x and y"});
}

TEST_F(Validation, RejectsNullDataOfTensorsWithElements) {
  Forward f = valid_forward();
  f.x = in(nullptr);
  expect_rejected(f, {"x", "null", "[2, 3]"});
  f = valid_forward();
  f.y = out(nullptr);
  expect_rejected(f, {"y", "null"});
}

TEST_F(Validation, RejectsShapesThatDiffer) {
  Forward f = valid_forward();
  f.y = TensorView(y, {3, 2}, Device::cpu());
  expect_rejected(f, {"y", "shape [2, 3] as x", "[3, 2]"});
  Backward b = valid_backward();
  b.dx = TensorView(dx, {6}, Device::cpu());
  expect_rejected(b, {"dx", "shape [2, 3] as x", "[6]"});
  b = valid_backward();
  b.dy = ConstTensorView(dy, {2, 1}, Device::cpu());
  expect_rejected(b, {"dy", "shape [2, 3] as x", "[2, 1]"});
}

TEST_F(Validation, RejectsDtypesThatDifferOrAreMasks) {
  Forward f = valid_forward();
  f.y = TensorView(static_cast<void*>(y), DType::f16, {2, 3}, Device::cpu());
  expect_rejected(f, {"y", "dtype f32 as x", "f16"});
  f = valid_forward();
  f.x = ConstTensorView(static_cast<const void*>(x), DType::u1, {2, 3}, Device::cpu());
  expect_rejected(f, {"x", "dtype f16, bf16, f32 or f64", "u1"});
  f.x = ConstTensorView(static_cast<const void*>(x), static_cast<DType>(99), {2, 3}, Device::cpu());
  expect_rejected(f, {"x", "dtype 99"});
  Backward b = valid_backward();
  b.dy = ConstTensorView(static_cast<const void*>(dy), DType::bf16, {2, 3}, Device::cpu());
  expect_rejected(b, {"dy", "dtype f32 as x", "bf16"});
}

TEST_F(Validation, RejectsGradientsOfAnotherDtypeOrDeviceOrWithoutData) {
  Backward b = valid_backward();
  b.dx = TensorView(static_cast<void*>(dx), DType::f64, {2, 3}, Device::cpu());
  expect_rejected(b, {"dx", "dtype f32 as x", "f64"});
  b = valid_backward();
  b.dx = TensorView(dx, {2, 3}, Device::cuda(0));
  expect_rejected(b, {"dx", "device cpu as x", "cuda:0"});
  b = valid_backward();
  b.dy = ConstTensorView(dy, {2, 3}, Device::cuda(0));
  expect_rejected(b, {"dy", "device cpu as x", "cuda:0"});
  b = valid_backward();
  b.dy = in(nullptr);
  expect_rejected(b, {"dy", "null"});
  b = valid_backward();
  b.dx = out(nullptr);
  expect_rejected(b, {"dx", "null"});
}

TEST_F(Validation, RejectsInvalidParametersOfCallsWithoutElements) {
  const TensorView none(static_cast<float*>(nullptr), {0}, Device::cpu());
  expect_throw<InvalidArgument>([&] { forward({nan}, none, none); }, {"alpha"});
  Backward b;
  b.dy = b.y = none;
  b.dx = none;
  expect_rejected(b, {"alpha", "the source is y"}, {-1});
}

TEST_F(Validation, TreatsEveryCpuIndexAsOneDevice) {
  Forward f = valid_forward();
  f.y = TensorView(y, {2, 3}, Device{Device::Kind::cpu, 1});
  EXPECT_NO_THROW(forward(relu(), f));
}

TEST_F(Validation, RejectsDevicesThatDiffer) {
  Forward f = valid_forward();
  f.y = TensorView(y, {2, 3}, Device::cuda(0));
  expect_rejected(f, {"y", "device cpu as x", "cuda:0"});
  f.x = ConstTensorView(x, {2, 3}, Device::cuda(-1));
  expect_rejected(f, {"x", "device index", "cuda:-1"});
}

TEST_F(Validation, RejectsTheSourceYIfItCannotTellTheRegions) {
  Backward b = valid_backward();
  b.x = {};
  b.y = in(y);
  expect_rejected(b, {"alpha", "the source is y"}, {-0.1});
  expect_rejected(b, {"threshold", "the source is y"}, {0.1, -1});
  expect_rejected(b, {"max_value", "the source is y"}, {0.1, 0, 0});
  EXPECT_NO_THROW(backward({0.1, 0, 0.1}, b)) << "0.1 in float is exact in f32";
}

TEST_F(Validation, RejectsTheSourceYIfItsGainHidesTheRegions) {
  Backward b = valid_backward();
  b.x = {};
  b.y = in(y);
  b.gain = -0.5;
  expect_rejected(b, {"gain", "a number above 0, as the source is y", "-0.5"});
  b.gain = 1e-30;
  expect_rejected(b, {"max_value", "product with gain", "1e-20"}, {0, 0, 1e-20});
  b.gain = 1e30;
  expect_rejected(b, {"max_value", "product with gain", "1e+20"}, {0, 0, 1e20});
  expect_accepted(b);  // no cap, so no product of a cap with the gain
  b.gain = 1.5;
  expect_accepted(b, relu6());
}

TEST_F(Validation, RejectsTheSourceYIfItsDtypeCannotHoldMaxValue) {
  std::vector<std::uint16_t> half(24, 0x5a5a);
  const auto halves = [&](std::size_t at) { return TensorView(&half[at], DType::f16, {6}, Device::cpu()); };
  Backward b;
  b.dy = halves(0);
  b.y = halves(6);
  b.dx = halves(12);
  expect_rejected(b, {"max_value", "exact in y's dtype", "0.1"}, {0, 0, 0.1});
  expect_rejected(b, {"max_value", "exact in y's dtype", "70000"}, {0, 0, 70000});
  EXPECT_EQ(half, std::vector<std::uint16_t>(24, 0x5a5a));
  EXPECT_NO_THROW(backward(relu6(), b));
}

TEST_F(Validation, NeedsNoWorkspaceWithoutSums) {
  EXPECT_EQ(workspace_bytes(relu(), valid_backward()), 0u);
  Backward b = valid_backward();
  b.x = b.dy = in(nullptr);
  b.dx = out(nullptr);
  EXPECT_EQ(workspace_bytes(relu(), b), 0u) << "data pointers are ignored";
}

TEST_F(Validation, RejectsInvalidMaskQueries) {
  expect_throw<InvalidArgument>([] { mask_dtype(relu(), {}); }, {"x: expected a tensor, got none"});
  Forward f;
  f.x = ConstTensorView(x, DType::u1, {2, 3}, Device::cpu());
  expect_throw<InvalidArgument>([&] { mask_dtype(relu(), f); }, {"x: expected dtype f16, bf16, f32 or f64, got u1"});
  expect_throw<InvalidArgument>([] { mask_bytes(DType::f32, {3}); }, {"mask: expected dtype u1 or u2, got f32"});
}

TEST_F(Validation, ThrowsErrorsThatDeriveFromError) {
  EXPECT_THROW(forward({nan}, valid_forward()), Error);
  EXPECT_THROW(forward({nan}, valid_forward()), std::runtime_error);
}

}  // namespace
}  // namespace rectify::test
