// Sums of backward() that are rejected, and those that are accepted.
#include "sum_validation.hpp"

namespace rectify::test {
namespace {

TEST_F(SumValidation, AcceptsTheDtypeOfSumsAlone) {
  for (DType dtype : {DType::f64, DType::f16, DType::bf16, DType::u1, DType::u2, static_cast<DType>(99)})
    expect_each_rejected(tensor({3}, dtype), {"expected dtype f32, in which f32 is summed"});
  expect_each_rejected(tensor({3}, DType::f64), {"got f64"});
  expect_each_accepted(tensor({3}));
  for (DType narrow : {DType::f16, DType::bf16}) {
    tensors_are(narrow);
    const char* const name = narrow == DType::f16 ? "f16" : "bf16";
    for (DType dtype : {DType::f16, DType::bf16, DType::f64})
      expect_each_rejected(tensor({3}, dtype), {"dtype f32, in which", name});
    expect_each_accepted(tensor({3}));
  }
  tensors_are(DType::f64);
  for (DType dtype : {DType::f32, DType::f16})
    expect_each_rejected(tensor({3}, dtype), {"expected dtype f64, in which f64 is summed"});
  expect_each_accepted(tensor({3}, DType::f64));
}

TEST_F(SumValidation, RejectsLengthsOtherThanOneOrTheChannels) {
  for (const Shape& shape : {Shape{2}, Shape{6}, Shape{0}, Shape{4, 1, 1}})
    expect_each_rejected(tensor(shape), {"1 element, or 3, the extent of axis 1", "got shape ["});
  for (const Shape& shape : {Shape{3, 1}, Shape{4, 1}, Shape{1, 2}})
    expect_each_rejected(tensor(shape), {"1 element, or 3 along axis 1, the channel axis", "got shape ["});
  for (int axis : {0, -2}) expect_each_rejected(tensor({3}), {"1 element, or 2, the extent of axis 0", "[3]"}, axis);
}

TEST_F(SumValidation, RejectsMoreThanOneExtentOtherThanOne) {
  expect_each_rejected(tensor({2, 3}), {"one extent other than 1 at most", "[2, 3]"});
  expect_each_rejected(tensor({3, 1, 3}), {"one extent other than 1 at most", "[3, 1, 3]"});
  expect_each_rejected(tensor({2, 3}), {"one extent other than 1 at most"}, 99);
}

TEST_F(SumValidation, AcceptsEveryShapeOfOneElementOrOnePerChannel) {
  for (const Shape& one : {Shape{}, Shape{1}, Shape{1, 1, 1}}) expect_each_accepted(tensor(one));
  for (const Shape& three : {Shape{3}, Shape{1, 3}, Shape{1, 3, 1, 1}, Shape{3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 3}})
    expect_each_accepted(tensor(three));
  expect_each_accepted(tensor({3}), -1);
  for (int axis : {0, -2}) expect_each_accepted(tensor({2}), axis);
  expect_each_accepted(tensor({3}).strided({2}));
  expect_each_accepted(tensor({1}).strided({0}));
  expect_each_accepted(tensor({1, 3}).strided({0, 1}));
  expect_each_accepted(tensor({1, 3}).strided({-3, 1}));
}

TEST_F(SumValidation, RejectsAChannelAxisThatXDoesNotHave) {
  for (int axis : {2, -3, 99, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    for (const SumName& sum : sums)
      expect_rejected_by_both(call_for(sum, tensor({3}), axis), {"channel_axis", "-2 to 1", std::to_string(axis).c_str()});
    expect_each_accepted(tensor({1}), axis);  // nothing has channels, so the axis is ignored
  }
}

TEST_F(SumValidation, RejectsChannelsOfATensorWithoutAxes) {
  for (const SumName& sum : sums) {
    Backward b = call_for(sum, tensor({3}));
    b.dy = ConstTensorView(dy, {}, Device::cpu());
    b.x = ConstTensorView(x, {}, Device::cpu());
    b.dx = TensorView(dx, {}, Device::cpu());
    expect_rejected_by_both(b, {"channel_axis", "rank 1 at least", "rank 0"});
    b.*sum.view = tensor({});
    expect_accepted(b);
  }
}

TEST_F(SumValidation, RejectsInvalidDevicesExtentsAndStrides) {
  expect_each_rejected(TensorView(spare, {3}, Device::cuda(0)), {"device cpu as x", "cuda:0"});
  expect_each_rejected(tensor({-3}), {"extents from 0 up", "[-3]"});
  expect_each_rejected<Unsupported>(tensor({3}).strided({-1}), {"strides from 0 up", "[-1]"});
}

TEST_F(SumValidation, RejectsNullMisalignedAndSelfOverlappingData) {
  expect_each_rejected_by_backward(TensorView(static_cast<float*>(nullptr), {3}, Device::cpu()),
                                   {"data", "null with shape [3]"});
  expect_each_rejected_by_backward(TensorView(reinterpret_cast<char*>(spare) + 2, DType::f32, {3}, Device::cpu()),
                                   {"data aligned to 4 bytes"});
  expect_each_rejected_by_backward(tensor({3}).strided({0}), {"does not overlap itself", "[3] over strides [0]"});
}

TEST_F(SumValidation, RejectsOverlapWithAnyOperand) {
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) {
    const Backward valid = all_from(source);
    expect_accepted(valid);
    for (const Place<Backward>& sum : backward_places) {
      if (!sum.of(valid).present() || !is_sum(sum)) continue;
      for (const Place<Backward>& other : backward_places) {
        if (sum.name == other.name || !other.of(valid).present()) continue;
        SCOPED_TRACE(std::string(sum.name) + " and " + other.name);
        check_pair(valid, sum, other);
      }
    }
  }
}

TEST_F(SumValidation, RejectsSumsThatTheSourceCannotGive) {
  for (auto source : {&Backward::y, &Backward::mask}) {
    const char* const reason = source == &Backward::y ? "none, as the source is y" : "none, as the source is a mask";
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      Backward b = all_from(source);
      b.dbias = b.dthreshold = b.dmax_value = {};
      b.*sum.view = tensor({3});
      const bool needs_more = sum.view == &Backward::dscale || sum.view == &Backward::dalpha;
      needs_more ? expect_rejected_by_both(b, {sum.name, reason}) : expect_accepted(b);
    }
  }
}

TEST_F(SumValidation, RejectsDscaleWithoutAScale) {
  Backward b = call_for(sums[0], tensor({3}));
  b.scale = {};
  expect_rejected_by_both(b, {"dscale", "a scale beside it", "none"});
}

TEST_F(SumValidation, AcceptsOtherSumsWithoutTheirParameter) {
  for (const SumName& sum : sums) {
    if (sum.view == &Backward::dscale) continue;
    Backward b = call_for(sum, tensor({3}));
    b.scale = {};
    expect_accepted(b);
  }
}

TEST_F(SumValidation, RejectsDmaxValueFromOneBitIfThereIsACap) {
  const auto from = [&](DType mask, const SumName& sum, bool cap_in_a_tensor) {
    Backward b = call_for(sum, tensor({1}));
    b.x = {};
    b.mask = ConstTensorView(y, mask, {2, 3}, Device::cpu());
    if (cap_in_a_tensor) b.max_value = ConstTensorView(place(6), {1}, Device::cpu());
    return b;
  };
  const SumName &dbias = sums[1], &dthreshold = sums[3], &dmax_value = sums[4];
  for (bool in_a_tensor : {false, true}) {
    const Relu capped = in_a_tensor ? relu() : relu6();
    expect_rejected_by_both(from(DType::u1, dmax_value, in_a_tensor),
                            {"dmax_value", "a mask of dtype u2", "there is a cap", "got u1"}, capped);
    expect_accepted(from(DType::u2, dmax_value, in_a_tensor), capped);
    for (const SumName& other : {dbias, dthreshold}) expect_accepted(from(DType::u1, other, in_a_tensor), capped);
  }
  for (const Relu& uncapped : {relu(), Relu{0.5, 1}, Relu{0, 0, 1e300}})
    expect_accepted(from(DType::u1, dmax_value, false), uncapped);
}

TEST_F(SumValidation, RejectsCallsWithoutAnOutput) {
  Backward b = call_for(sums[1], {});
  b.dx = {};
  expect_rejected_by_both(b, {"dx, dresidual, sums", "a tensor in one of the outputs", "none"});
  for (const SumName& sum : sums) {
    b = call_for(sum, tensor({3}));
    b.dx = {};
    expect_accepted(b);
  }
}

TEST_F(SumValidation, RejectsInvalidScalarsAndOperandsAsWithoutSums) {
  for (const SumName& sum : sums) {
    expect_rejected_by_both(call_for(sum, tensor({3})), {"alpha"}, {nan});
    Backward b = call_for(sum, tensor({3}));
    b.dy = ConstTensorView(dy, {3, 2}, Device::cpu());
    expect_rejected_by_both(b, {"dy", "shape [2, 3] as x"});
  }
}

}  // namespace
}  // namespace rectify::test
