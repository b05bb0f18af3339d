// Every rejected call: its type, its words, and outputs as they were. What is rejected of optional operands is in
// validate_parameters_test.cpp and validate_masks_test.cpp, of memory in validate_memory_test.cpp and validate_overlap_test.cpp.
#include "rejection.hpp"

namespace rectify::test {
namespace {

TEST_F(Rejection, TheSoundCallsPass) {
  EXPECT_NO_THROW(forward(relu(), sound_forward()));
  EXPECT_NO_THROW(backward(relu(), sound_backward()));
}

TEST_F(Rejection, ParametersThatAreNotNumbersOfTheirKind) {
  const struct {
    Relu relu;
    const char* name;
  } cases[] = {{{nan}, "alpha"},         {{inf}, "alpha"},           {{-inf}, "alpha"},          {{1e300}, "alpha"},
               {{0, nan}, "threshold"},  {{0, inf}, "threshold"},    {{0, -1e300}, "threshold"}, {{0, 0, nan}, "max_value"},
               {{0, 2, 1}, "max_value"}, {{0, 0, -inf}, "max_value"}};
  for (const auto& c : cases) {
    rejects(sound_forward(), {c.name, "expected", "got"}, c.relu);
    rejects(sound_backward(), {c.name, "expected", "got"}, c.relu);
  }
}

TEST_F(Rejection, GainsThatAreNotNumbersOfTheirKind) {
  const struct {
    double gain;
    const char* expected;
  } cases[] = {{nan, "a finite number other than 0"},        {inf, "a finite number other than 0"},
               {-inf, "a finite number other than 0"},       {0, "a finite number other than 0"},
               {-0.0, "a finite number other than 0"},       {1e39, "a number within the range of float"},
               {1e-50, "a number within the range of float"}};
  const TensorView none(static_cast<float*>(nullptr), {0}, Device::cpu());
  for (const auto& [gain, expected] : cases) {
    Forward f = sound_forward();
    Backward b = sound_backward();
    f.gain = b.gain = gain;
    rejects(f, {"gain", expected, "got"});
    rejects(b, {"gain", expected, "got"});
    expect<InvalidArgument>([&] { workspace_bytes(relu(), b); }, {"gain"});
    f.x = f.y = none;
    rejects(f, {"gain", expected});
  }
  Backward b = sound_backward();
  b.gain = -1e-40;
  accepts(b);
}

TEST_F(Rejection, MissingOperands) {
  Forward f = sound_forward();
  f.x = {};
  rejects(f, {"x", "a tensor", "none"});
  f = sound_forward();
  f.y = {};
  rejects(f, {"y, mask", "a tensor in one of them", "none"});
  Backward b = sound_backward();
  b.dy = {};
  rejects(b, {"dy", "a tensor", "none"});
  b = sound_backward();
  b.dx = {};
  rejects(b, {"dx, dresidual", "a tensor in one of the outputs", "none"});
}

TEST_F(Rejection, NotExactlyOneSource) {
  Backward b = sound_backward();
  b.x = {};
  rejects(b, {"source", "exactly one of x, y, mask", "none"});
  b = sound_backward();
  b.y = in(y);
  rejects(b, {"source", "x and y"});
}

TEST_F(Rejection, NullDataWithElements) {
  Forward f = sound_forward();
  f.x = in(nullptr);
  rejects(f, {"x", "null", "[2, 3]"});
  f = sound_forward();
  f.y = out(nullptr);
  rejects(f, {"y", "null"});
}

TEST_F(Rejection, ShapesThatDiffer) {
  Forward f = sound_forward();
  f.y = TensorView(y, {3, 2}, Device::cpu());
  rejects(f, {"y", "shape [2, 3] as x", "[3, 2]"});
  Backward b = sound_backward();
  b.dx = TensorView(dx, {6}, Device::cpu());
  rejects(b, {"dx", "shape [2, 3] as x", "[6]"});
  b = sound_backward();
  b.dy = ConstTensorView(dy, {2, 1}, Device::cpu());
  rejects(b, {"dy", "shape [2, 3] as x", "[2, 1]"});
}

TEST_F(Rejection, DtypesThatDifferOrAreMasks) {
  Forward f = sound_forward();
  f.y = TensorView(static_cast<void*>(y), DType::f16, {2, 3}, Device::cpu());
  rejects(f, {"y", "dtype f32 as x", "f16"});
  f = sound_forward();
  f.x = ConstTensorView(static_cast<const void*>(x), DType::u1, {2, 3}, Device::cpu());
  rejects(f, {"x", "dtype f16, bf16, f32 or f64", "u1"});
  f.x = ConstTensorView(static_cast<const void*>(x), static_cast<DType>(99), {2, 3}, Device::cpu());
  rejects(f, {"x", "dtype 99"});
  Backward b = sound_backward();
  b.dy = ConstTensorView(static_cast<const void*>(dy), DType::bf16, {2, 3}, Device::cpu());
  rejects(b, {"dy", "dtype f32 as x", "bf16"});
}

TEST_F(Rejection, OutputsAndGradientsOfAnotherTypeOrPlace) {
  Backward b = sound_backward();
  b.dx = TensorView(static_cast<void*>(dx), DType::f64, {2, 3}, Device::cpu());
  rejects(b, {"dx", "dtype f32 as x", "f64"});
  b = sound_backward();
  b.dx = TensorView(dx, {2, 3}, Device::cuda(0));
  rejects(b, {"dx", "device cpu as x", "cuda:0"});
  b = sound_backward();
  b.dy = ConstTensorView(dy, {2, 3}, Device::cuda(0));
  rejects(b, {"dy", "device cpu as x", "cuda:0"});
  b = sound_backward();
  b.dy = in(nullptr);
  rejects(b, {"dy", "null"});
  b = sound_backward();
  b.dx = out(nullptr);
  rejects(b, {"dx", "null"});
}

TEST_F(Rejection, ParametersAlsoWhereThereIsNothingToDo) {
  const TensorView none(static_cast<float*>(nullptr), {0}, Device::cpu());
  expect<InvalidArgument>([&] { forward({nan}, none, none); }, {"alpha"});
  Backward b;
  b.dy = b.y = none;
  b.dx = none;
  rejects(b, {"alpha", "the source is y"}, {-1});
}

TEST_F(Rejection, ThereIsOneCpu) {
  Forward f = sound_forward();
  f.y = TensorView(y, {2, 3}, Device{Device::Kind::cpu, 1});
  EXPECT_NO_THROW(forward(relu(), f));
}

TEST_F(Rejection, DevicesThatDiffer) {
  Forward f = sound_forward();
  f.y = TensorView(y, {2, 3}, Device::cuda(0));
  rejects(f, {"y", "device cpu as x", "cuda:0"});
  f.x = ConstTensorView(x, {2, 3}, Device::cuda(-1));
  rejects(f, {"x", "device index", "cuda:-1"});
}

TEST_F(Rejection, OutputsThatOverlapAnInputInPart) {
  Forward f = sound_forward();
  f.y = out(x + 1);
  rejects(f, {"y", "no byte in common with x"});
  f.y = out(x).strided({1, 2});
  rejects(f, {"y", "x", "same view"});
  f.x = in(x).strided({0, 1});
  f.y = out(x);
  rejects(f, {"y", "x"});
  f.x = in(x).strided({20, 1});
  f.y = out(x + 16);
  rejects(f, {"y", "no byte in common with x"});
  f.y = out(x + 5);
  accepts(f);  // in a gap of x
  Backward b = sound_backward();
  b.dx = out(dy + 5);
  rejects(b, {"dx", "no byte in common with dy"});
  b.dx = out(x + 1);
  rejects(b, {"dx", "no byte in common with x"});
}

TEST_F(Rejection, ButNotTheSameViewNorNeighbours) {
  Forward f = sound_forward();
  f.y = TensorView(x, {2, 3}, Device::cpu());
  EXPECT_NO_THROW(forward(relu(), f));
  f.y = out(x + 6);
  EXPECT_NO_THROW(forward(relu(), f));
  f.x = ConstTensorView(x, {1, 6}, Device::cpu()).strided({99, 1});
  f.y = TensorView(x, {1, 6}, Device::cpu());
  EXPECT_NO_THROW(forward(relu(), f)) << "the stride of an extent of 1 is never walked";
}

TEST_F(Rejection, AnOutputThatOverlapsItself) {
  for (const Strides& strides : {Strides{0, 1}, Strides{1, 1}, Strides{2, 1}}) {
    Forward f = sound_forward();
    f.y = out(y).strided(strides);
    rejects(f, {"y", "does not overlap itself", "[2, 3]"});
    Backward b = sound_backward();
    b.dx = out(dx).strided(strides);
    rejects(b, {"dx", "does not overlap itself"});
  }
}

TEST_F(Rejection, TheSourceYWhereItCannotTellTheRegions) {
  Backward b = sound_backward();
  b.x = {};
  b.y = in(y);
  rejects(b, {"alpha", "the source is y"}, {-0.1});
  rejects(b, {"threshold", "the source is y"}, {0.1, -1});
  rejects(b, {"max_value", "the source is y"}, {0.1, 0, 0});
  EXPECT_NO_THROW(backward({0.1, 0, 0.1}, b)) << "0.1 in float is exact in f32";
}

TEST_F(Rejection, TheSourceYUnderAGain) {
  Backward b = sound_backward();
  b.x = {};
  b.y = in(y);
  b.gain = -0.5;
  rejects(b, {"gain", "a number above 0, as the source is y", "-0.5"});
  b.gain = 1e-30;
  rejects(b, {"max_value", "product with gain", "1e-20"}, {0, 0, 1e-20});
  b.gain = 1e30;
  rejects(b, {"max_value", "product with gain", "1e+20"}, {0, 0, 1e20});
  accepts(b);  // no cap: nothing is stored as one
  b.gain = 1.5;
  accepts(b, relu6());
}

TEST_F(Rejection, TheSourceYWhereItsDtypeCannotHoldMaxValue) {
  std::vector<std::uint16_t> half(24, 0x5a5a);
  const auto halves = [&](std::size_t at) { return TensorView(&half[at], DType::f16, {6}, Device::cpu()); };
  Backward b;
  b.dy = halves(0);
  b.y = halves(6);
  b.dx = halves(12);
  rejects(b, {"max_value", "exact in y's dtype", "0.1"}, {0, 0, 0.1});
  rejects(b, {"max_value", "exact in y's dtype", "70000"}, {0, 0, 70000});
  EXPECT_EQ(half, std::vector<std::uint16_t>(24, 0x5a5a));
  EXPECT_NO_THROW(backward(relu6(), b));
}

TEST_F(Rejection, DxInPlaceOfTheSourceY) {
  Backward b = sound_backward();
  b.x = {};
  b.y = in(y);
  b.dx = out(y);
  rejects(b, {"dx", "no byte in common with y"});
  b.dx = out(y + 2);
  rejects(b, {"dx", "no byte in common with y"});
}

TEST_F(Rejection, WithoutSumsNoWorkspaceIsNeeded) {
  EXPECT_EQ(workspace_bytes(relu(), sound_backward()), 0u);
  Backward b = sound_backward();
  b.x = b.dy = in(nullptr);
  b.dx = out(nullptr);
  EXPECT_EQ(workspace_bytes(relu(), b), 0u) << "data pointers are ignored";
}

TEST_F(Rejection, AMaskIsOfTensorsOfNumbers) {
  expect<InvalidArgument>([] { mask_dtype(relu(), {}); }, {"x: expected a tensor, got none"});
  Forward f;
  f.x = ConstTensorView(x, DType::u1, {2, 3}, Device::cpu());
  expect<InvalidArgument>([&] { mask_dtype(relu(), f); }, {"x: expected dtype f16, bf16, f32 or f64, got u1"});
  expect<InvalidArgument>([] { mask_bytes(DType::f32, {3}); }, {"mask: expected dtype u1 or u2, got f32"});
}

TEST_F(Rejection, EveryErrorIsAnError) {
  EXPECT_THROW(forward({nan}, sound_forward()), Error);
  EXPECT_THROW(forward({nan}, sound_forward()), std::runtime_error);
}

}  // namespace
}  // namespace rectify::test
