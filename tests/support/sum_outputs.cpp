// The output tensors exist during the call only; their contents are kept.
#include "sum_outputs.hpp"

#include "guarded_workspace.hpp"
#include "sum_bound.hpp"

#include <list>

namespace rectify::test {
namespace {

reference::ExactSum total(const std::vector<reference::ExactSum>& channels) {
  reference::ExactSum all;
  for (const reference::ExactSum& each : channels) {
    all.sum += each.sum;
    all.magnitude += each.magnitude;
    all.terms += each.terms;
  }
  return all;
}

}  // namespace

DType sum_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

Lengths lengths_of(unsigned requested, std::int64_t length) {
  Lengths lengths;
  for (int i = 0; i < sum_count; ++i) lengths[i] = (requested >> i & 1) != 0 ? length : absent;
  return lengths;
}

Exact exact_sums(const Relu& relu, Backward operands, unsigned requested, std::int64_t channels) {
  Exact exact;
  double never_written;
  for (int i = 0; i < sum_count; ++i) {
    if ((requested >> i & 1) == 0) continue;
    operands.*sum_member(i) = TensorView(&never_written, sum_dtype(operands.dy.dtype()), {channels}, Device::cpu());
    exact[i] = reference::exact_sums(relu, operands, static_cast<reference::SumName>(i));
  }
  return exact;
}

SumOutputs::SumOutputs(const Target& target, const Relu& relu, Backward operands, const Lengths& lengths, std::int64_t stride)
    : dtype_(sum_dtype(operands.dy.dtype())), lengths_(lengths), stride_(stride) {
  target.prepare();
  std::list<Tensor> tensors;
  for (int i = 0; i < sum_count; ++i) {
    if (lengths[i] == absent) continue;
    const Placement where({lengths[i]}, Strides{stride});
    operands.*sum_member(i) = tensors.emplace_back(target.device, dtype_, where, untouched(dtype_, where)).view();
  }
  const GuardedWorkspace workspace(target.device, relu, operands);
  if (workspace.view().bytes > 0) operands.workspace = workspace.view();
  backward(relu, operands);
  workspace.expect_guards_intact();
  auto tensor = tensors.begin();
  for (int i = 0; i < sum_count; ++i) {
    if (lengths[i] == absent) continue;
    EXPECT_TRUE(tensor->guards_intact()) << "bytes around " << sum_name(i) << " were written";
    contents_[i] = tensor++->contents();
    expect_gaps_untouched(i);
  }
}

double SumOutputs::value(int sum, std::int64_t element) const { return reference::load(dtype_, &contents_[sum][at(element)]); }

void SumOutputs::expect_near(const Exact& exact) const {
  expect_each(exact, [&](double got, const reference::ExactSum& sum) { return is_sum_of(dtype_, got, sum); });
}

void SumOutputs::expect_equal(const Exact& exact) const {
  expect_each(exact, [](double got, const reference::ExactSum& sum) {
    if (static_cast<long double>(got) == sum.sum) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "got " << got << ", the exact sum is " << static_cast<double>(sum.sum);
  });
}

std::size_t SumOutputs::at(std::int64_t element) const {
  return static_cast<std::size_t>(element * stride_ * bytes_per_element(dtype_));
}

void SumOutputs::expect_gaps_untouched(int sum) const {
  for (std::int64_t i = 0; stride_ > 1 && i + 1 < lengths_[sum]; ++i) {
    for (std::size_t gap = at(i) + static_cast<std::size_t>(bytes_per_element(dtype_)); gap < at(i + 1); ++gap)
      ASSERT_EQ(contents_[sum][gap], 0x5a) << "a gap of " << sum_name(sum) << " was written";
  }
}

template <class Check>
void SumOutputs::expect_each(const Exact& exact, const Check& check) const {
  for (int i = 0; i < sum_count; ++i) {
    const reference::ExactSum all = total(exact[i]);
    for (std::int64_t element = 0; element < lengths_[i]; ++element) {
      const reference::ExactSum& sum = lengths_[i] == 1 ? all : exact[i][static_cast<std::size_t>(element)];
      ASSERT_TRUE(check(value(i, element), sum)) << sum_name(i) << " " << element << " of " << lengths_[i];
    }
  }
}

}  // namespace rectify::test
