// Random calls of forward() and backward() on every target, which must give the bits of the reference. A seed determines a case:
// RECTIFY_FUZZ_SEED=n runs case n alone, RECTIFY_FUZZ_FIRST=n starts from case n instead of 0, and RECTIFY_FUZZ_CASES=n runs n small cases
// and n / 100 large ones.
#include "checked_call.hpp"
#include "fuzz_case.hpp"
#include "reference.hpp"
#include "guarded_workspace.hpp"
#include "sum_bound.hpp"
#include "targets.hpp"

#include <rectify/ops.hpp>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <tuple>

namespace rectify::test {
namespace {

constexpr int shards = 8;

using From = BackwardCall::From;
using Over = BackwardCall::Over;

class Fuzz : public testing::TestWithParam<std::tuple<Target, int>> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Fuzz, testing::Combine(testing::ValuesIn(targets()), testing::Range(0, shards)),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + "_" + std::to_string(std::get<1>(test.param));
                         });

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return {};
  return std::strtoull(text, nullptr, 10);
}

void run_forward(const Target& target, const FuzzCase& c) {
  CheckedCall call(target);
  Forward expected, got;
  expected.channel_axis = got.channel_axis = c.channel_axis;
  expected.gain = got.gain = c.gain;
  for (const FuzzInput& input : fuzz_inputs) {
    if (!input.row->forward.exists() || !(c.*input.operand)) continue;
    call.read(*(c.*input.operand)).to(expected.*input.row->forward.input, got.*input.row->forward.input);
  }
  if (c.writes_y) call.write(*(c.*c.y_over)).to(expected.y, got.y);
  if (c.writes_mask) call.write(*c.mask).to(expected.mask, got.mask);
  EXPECT_EQ(mask_dtype(c.relu, got), one_bit_serves(c) ? DType::u1 : DType::u2);
  reference::forward(c.relu, expected);
  forward(c.relu, got);
  call.check();
}

/// Lets the reference write y and mask of the case, which are sources of backward().
void fill_sources(FuzzCase& c) {
  FuzzCase inputs = c;
  Forward operands;
  operands.channel_axis = c.channel_axis;
  operands.gain = c.gain;
  for (const FuzzInput& input : fuzz_inputs) {
    auto& operand = inputs.*input.operand;
    if (input.row->forward.exists() && operand)
      operands.*input.row->forward.input = host_view(operand->bytes, operand->dtype, operand->at);
  }
  operands.y = host_view(c.y->bytes, c.y->dtype, c.y->at);
  operands.mask = host_view(c.mask->bytes, c.mask->dtype, c.mask->at);
  reference::forward(c.relu, operands);
}

/// A bias is optional if the source is y: half of the cases have one.
bool is_given(const FuzzCase& c, const FuzzInput& input, From from) {
  const bool is_optional = from == detail::source_y && input.operand == &FuzzCase::bias;
  return (input.row->sources & from) != 0 && (!is_optional || c.seed % 2 == 0);
}

const Operand& place_of(const FuzzCase& c, Over over, const std::optional<Operand>& own) {
  return over == Over::dy ? *c.dy : over == Over::x ? *c.x : *own;
}

/// The elements of dx and dresidual, if backward() wrote them, and of y, if it was the source.
struct Gradients {
  Bytes dx, dresidual, y;
};

/// `old` holds the values to which the sums were added; it is empty if they were not.
void expect_sums(const CheckedCall& call, const Operand& operand, const std::vector<reference::ExactSum>& exact,
                 const Bytes& old) {
  const Bytes got = call.elements(operand);
  const auto size = static_cast<std::size_t>(bytes_per_element(operand.dtype));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    reference::ExactSum sum = exact[i];
    const double before = old.empty() ? 0 : reference::load(operand.dtype, &old[i * size]);
    sum.sum += before;
    sum.magnitude += std::fabs(before);
    EXPECT_TRUE(is_sum_of(operand.dtype, reference::load(operand.dtype, &got[i * size]), sum)) << operand.name << " " << i;
  }
}

Gradients run_backward(const Target& target, const FuzzCase& c, const BackwardCall& how) {
  CheckedCall call(target);
  Backward expected, got;
  expected.channel_axis = got.channel_axis = c.channel_axis;
  expected.gain = got.gain = c.gain;
  expected.accumulate = got.accumulate = c.accumulate;
  const auto give = [&](auto operand, const CheckedCall::Views& views) { views.to(expected.*operand, got.*operand); };
  for (const FuzzInput& input : fuzz_inputs) {
    if ((c.*input.operand) && is_given(c, input, how.from)) give(input.row->backward.input, call.read(*(c.*input.operand)));
  }
  if (how.from == detail::source_y) give(&Backward::y, call.read(*c.y));
  if (how.from == detail::source_mask) give(&Backward::mask, call.read(*c.mask));
  const Operand &dx = place_of(c, how.dx_over, c.dx), &dresidual = place_of(c, how.dresidual_over, c.dresidual);
  if (how.dx) give(&Backward::dx, call.write(dx));
  if (how.dresidual) give(&Backward::dresidual, call.write(dresidual));
  std::vector<reference::ExactSum> exact[sum_count];
  Bytes old[sum_count];
  for (int i = 0; i < sum_count; ++i) {
    if (!how.sums[i]) continue;
    call.write_sum(*c.sums[i]).to(expected.*sum_member(i), got.*sum_member(i));
    exact[i] = reference::exact_sums(c.relu, expected, static_cast<reference::SumName>(i));
    if (c.accumulate) old[i] = call.elements(*c.sums[i]);
  }
  const GuardedWorkspace workspace(target.device, c.relu, got);
  got.workspace = workspace.view();
  reference::backward(c.relu, expected);
  backward(c.relu, got);
  call.check();
  workspace.expect_guards_intact();
  for (int i = 0; i < sum_count; ++i) {
    if (how.sums[i]) expect_sums(call, *c.sums[i], exact[i], old[i]);
  }
  const auto elements = [&](bool written, const Operand& operand) { return written ? call.elements(operand) : Bytes(); };
  return {elements(how.dx, dx), elements(how.dresidual, dresidual), elements(how.from == detail::source_y, *c.y)};
}

/// Replaces the gradient by `shown`, that of another source, at elements whose region y may hide.
void show_hidden(const FuzzCase& c, const Bytes& y, const Bytes& shown, Bytes& gradient) {
  const auto size = static_cast<std::size_t>(bytes_per_element(c.dtype));
  for (std::size_t i = 0; i < y.size() && !gradient.empty() && !shown.empty(); i += size) {
    if (may_hide_the_region(c, reference::load(c.dtype, &y[i]))) std::copy_n(&shown[i], size, &gradient[i]);
  }
}

/// Each backward() agrees with the reference and with those before it, whatever the source.
void run_backwards(const Target& target, const FuzzCase& c) {
  Gradients known;
  const auto agree = [&](const char* name, Bytes& before, Bytes now, const Bytes& y) {
    if (now.empty()) return;
    show_hidden(c, y, before, now);
    if (!before.empty()) {
      EXPECT_TRUE(same_numbers(c.dtype, now, before)) << name << " differs by the source";
    }
    if (before.empty() && !y.empty()) return;  // y may hide regions, so the next gradient is not compared with this one
    before = now;
  };
  for (const BackwardCall& how : c.backwards) {
    const Gradients now = run_backward(target, c, how);
    agree("dx", known.dx, now.dx, now.y);
    agree("dresidual", known.dresidual, now.dresidual, now.y);
  }
}

}  // namespace

void run_fuzz_case(const Target& target, std::uint64_t seed, Size size) {
  FuzzCase c = fuzz_case(seed, size);
  try {
    target.prepare();
    run_forward(target, c);
    fill_sources(c);
    run_backwards(target, c);
  } catch (const std::exception& error) {
    ADD_FAILURE() << "rejected: " << error.what();
  }
  if (!testing::Test::HasFailure()) return;
  const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
  ADD_FAILURE() << describe(c) << "\nRECTIFY_FUZZ_SEED=" << seed << " " << program_invocation_short_name
                << " --gtest_filter='*Fuzz." << test.substr(0, test.find('/') + 1) << target.name << "_0'";
}

namespace {

int small_cases(const Target& target) {
  return static_cast<int>(number_from("RECTIFY_FUZZ_CASES").value_or(static_cast<std::uint64_t>(target.fuzz_cases)));
}

/// Runs the cases of a shard up to the first that fails.
void run_shard(const Target& target, int shard, int cases, Size size) {
  const auto seed = number_from("RECTIFY_FUZZ_SEED");
  const auto count = static_cast<std::uint64_t>(seed ? shard == 0 : std::max(cases / shards, 1));
  const std::uint64_t first =
      seed.value_or(number_from("RECTIFY_FUZZ_FIRST").value_or(0) + count * static_cast<std::uint64_t>(shard));
  for (std::uint64_t i = first; i < first + count && !testing::Test::HasFailure(); ++i) run_fuzz_case(target, i, size);
}

TEST_P(Fuzz, AnySmallCallMatchesTheReference) {
  const auto [target, shard] = GetParam();
  run_shard(target, shard, small_cases(target), Size::small);
}

TEST_P(Fuzz, AnyLargeCallMatchesTheReference) {
  const auto [target, shard] = GetParam();
  run_shard(target, shard, small_cases(target) / 100, Size::large);
}

}  // namespace
}  // namespace rectify::test
