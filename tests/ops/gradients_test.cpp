// The gradients of every input and every parameter against differences of forward().
#include "dice.hpp"
#include "sum_outputs.hpp"

#include <rectify/ops.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <list>
#include <vector>

namespace rectify::test {
namespace {

class Gradients : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Gradients, testing::ValuesIn(targets()), target_name);

using Doubles = std::vector<double>;

constexpr std::int64_t outer = 4, channels = 3, inner = 5;
constexpr std::size_t elements = outer * channels * inner;

/// The function is piecewise linear in each number, so a difference is its slope up to rounding if no kink is within h.
constexpr double h = 0x1p-12, away_from_kinks = 0.05;

enum class Form { per_channel, one_element, number };
constexpr Form forms[] = {Form::per_channel, Form::one_element, Form::number};

/// loss = sum(dy * y). Parameters have one element or one per channel; in Form::number, alpha, threshold and max_value are in Relu.
class Problem {
 public:
  Problem(const Target& target, Form form, bool has_scale, bool has_residual)
      : target_(target), form_(form), has_scale_(has_scale), has_residual_(has_residual) {
    parameters = {Doubles{1.5, -0.75, 2}, {0.25, -0.5, 1}, {0.25, -0.5, 2}, {-0.5, 0.25, 0.5}, {1.5, 1, 3}};
    if (form != Form::per_channel) {
      for (Doubles& each : parameters) each.resize(1);
    }
    Dice dice(7);
    for (std::size_t i = 0; i < elements; ++i) {
      dy.push_back(dice.normal());
      residual.push_back(dice.normal());
      x.push_back(2 * dice.normal());
      while (is_near_a_kink(i)) x[i] = 2 * dice.normal();
    }
  }

  Doubles x, dy, residual;
  std::array<Doubles, sum_count> parameters;

  double loss() const {
    std::list<Tensor> tensors;
    Forward f;
    f.x = on_target(tensors, x);
    if (has_residual_) f.residual = on_target(tensors, residual);
    constexpr ConstTensorView Forward::*places[] = {&Forward::scale, &Forward::bias, &Forward::alpha, &Forward::threshold,
                                                    &Forward::max_value};
    for (int i = 0; i < sum_count; ++i) {
      if (is_tensor(i)) f.*places[i] = parameter(tensors, i);
    }
    f.y = on_target(tensors, Doubles(elements));
    target_.prepare();
    forward(relu(), f);
    const Doubles y = values_in<double>(tensors.back().contents());
    long double sum = 0;
    for (std::size_t i = 0; i < elements; ++i) sum += static_cast<long double>(dy[i]) * y[i];
    return static_cast<double>(sum);
  }

  /// The difference quotient of the loss by `number`, an element of this problem.
  double difference(double& number) {
    const double before = number;
    number = before + h;
    const double above = loss();
    number = before - h;
    const double below = loss();
    number = before;
    return (above - below) / (2 * h);
  }

  /// The sums of backward(), which also writes `dx` and `dresidual`.
  SumOutputs gradients(Doubles& dx, Doubles& dresidual) const {
    std::list<Tensor> tensors;
    Backward b;
    b.dy = on_target(tensors, dy);
    b.x = on_target(tensors, x);
    if (has_residual_) b.residual = on_target(tensors, residual);
    for (int i = 0; i < sum_count; ++i) {
      if (is_tensor(i)) b.*sum_parameters[i] = parameter(tensors, i);
    }
    b.dresidual = on_target(tensors, Doubles(elements));
    const Tensor& of_residual = tensors.back();
    b.dx = on_target(tensors, Doubles(elements));
    const unsigned requested = has_scale_ ? of_all_five : of_all_five & ~of_scale;
    SumOutputs sums(target_, relu(), b, lengths_of(requested, static_cast<std::int64_t>(parameters[0].size())));
    dx = values_in<double>(tensors.back().contents());
    dresidual = values_in<double>(of_residual.contents());
    return sums;
  }

 private:
  bool is_tensor(int i) const { return i == 0 ? has_scale_ : i == 1 || form_ != Form::number; }
  double of_channel(int i, std::size_t element) const {
    const Doubles& all = parameters[i];
    return all.size() == 1 ? all[0] : all[element / inner % channels];
  }
  bool is_near_a_kink(std::size_t i) const {
    const double scale = has_scale_ ? of_channel(0, i) : 1,
                 z = x[i] * scale + of_channel(1, i) + (has_residual_ ? residual[i] : 0);
    return std::fabs(z - of_channel(3, i)) < away_from_kinks || std::fabs(z - of_channel(4, i)) < away_from_kinks;
  }
  Relu relu() const {
    if (form_ != Form::number) return {};
    return {parameters[2][0], parameters[3][0], parameters[4][0]};
  }
  TensorView on_target(std::list<Tensor>& tensors, const Doubles& values) const {
    return tensors.emplace_back(target_.device, DType::f64, Placement({outer, channels, inner}), bytes_of(values)).view();
  }
  TensorView parameter(std::list<Tensor>& tensors, int i) const {
    const Placement at({static_cast<std::int64_t>(parameters[i].size())});
    return tensors.emplace_back(target_.device, DType::f64, at, bytes_of(parameters[i])).view();
  }

  const Target& target_;
  Form form_;
  bool has_scale_, has_residual_;
};

void expect_same(double gradient, double difference) { EXPECT_NEAR(gradient, difference, 1e-6 * std::fabs(difference) + 1e-9); }

void check(Problem problem) {
  Doubles dx, dresidual;
  const SumOutputs sums = problem.gradients(dx, dresidual);
  for (int i = 0; i < sum_count; ++i) {
    if (sums.bits()[i].empty()) continue;
    for (std::size_t k = 0; k < problem.parameters[i].size(); ++k) {
      SCOPED_TRACE(std::string(sum_name(i)) + " " + std::to_string(k));
      const double gradient = sums.value(i, static_cast<std::int64_t>(k));
      EXPECT_NE(gradient, 0);  // each parameter has a part in some element
      expect_same(gradient, problem.difference(problem.parameters[i][k]));
    }
  }
  for (std::size_t i = 0; i < elements; ++i) {
    SCOPED_TRACE("element " + std::to_string(i));
    expect_same(dx[i], problem.difference(problem.x[i]));
  }
}

TEST_P(Gradients, MatchDifferencesOfForward) {
  for (const Form form : forms) {
    for (const bool has_scale : {true, false}) {
      SCOPED_TRACE("form " + std::to_string(static_cast<int>(form)) + (has_scale ? " with a scale" : ""));
      check(Problem(GetParam(), form, has_scale, false));
    }
  }
}

TEST_P(Gradients, MatchDifferencesOfForwardWithAResidual) {
  for (const Form form : forms) {
    SCOPED_TRACE("form " + std::to_string(static_cast<int>(form)));
    Problem problem(GetParam(), form, true, true);
    check(problem);
    Doubles dx, dresidual;
    problem.gradients(dx, dresidual);
    for (std::size_t i = 0; i < elements; ++i) expect_same(dresidual[i], problem.difference(problem.residual[i]));
  }
}

}  // namespace
}  // namespace rectify::test
