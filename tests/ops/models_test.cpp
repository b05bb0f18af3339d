// One x for several models: x is broadcast along an axis of the other operands. From certain sizes on, backends read x once for several
// models; these cases have such sizes.
#include "checked_call.hpp"

#include <rectify/ops.hpp>

#include <string>

namespace rectify::test {
namespace {

class Models : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Models, testing::ValuesIn(targets()), target_name);

constexpr Relu function{0.25, 0.5, 6};

struct Case {
  DType dtype;
  std::int64_t models, row;

  Placement shared() const { return {{models, row}, {0, 1}}; }
  Placement own() const { return Placement({models, row}); }
};

/// More models than a grid has blocks, so that a block processes several, with one left over; and rows too long to stay in a CPU's cache
/// until the next model.
constexpr Case cases[] = {{DType::f32, 8197, 256}, {DType::bf16, 8197, 256}, {DType::f64, 8197, 64},
                          {DType::f32, 3, 70016},  {DType::bf16, 3, 140032}, {DType::f32, 3, 70001}};

TEST_P(Models, UseTheirOwnBias) {
  for (const Case& c : cases) {
    SCOPED_TRACE(name(c.dtype) + " " + text_of({c.models, c.row}));
    const Operand x = random_operand("x", c.dtype, c.shared(), function),
                  bias = random_operand("bias", c.dtype, Placement({c.models}), function),
                  y = output_operand("y", c.dtype, c.own());
    CheckedFunction<Forward> call(GetParam(), 0);
    call.read(&Forward::x, x);
    call.read(&Forward::bias, bias);
    call.write(&Forward::y, y);
    call.check(function);
  }
}

TEST_P(Models, WriteTheirOwnMask) {
  for (const Case& c : {cases[0], cases[3], cases[5]}) {
    for (DType width : {DType::u1, DType::u2}) {
      SCOPED_TRACE(name(width) + " " + text_of({c.models, c.row}));
      const Relu relu{width == DType::u1 ? 0 : function.alpha, function.threshold, function.max_value};
      const Operand x = random_operand("x", c.dtype, c.shared(), function),
                    scale = random_operand("scale", c.dtype, Placement({c.row}), function),
                    mask = output_operand("mask", width, c.own());
      CheckedFunction<Forward> call(GetParam());
      call.read(&Forward::x, x);
      call.read(&Forward::scale, scale);
      call.write(&Forward::mask, mask);
      call.check(relu);
    }
  }
}

TEST_P(Models, GetTheirOwnGradient) {
  for (const Case& c : {cases[0], cases[3], cases[5]}) {
    SCOPED_TRACE(text_of({c.models, c.row}));
    const Operand x = random_operand("x", c.dtype, c.shared(), function), dy = random_operand("dy", c.dtype, c.own(), function),
                  alpha = random_operand("alpha", c.dtype, Placement({c.models}), function),
                  dx = output_operand("dx", c.dtype, c.own());
    CheckedFunction<Backward> call(GetParam(), 0);
    call.read(&Backward::x, x);
    call.read(&Backward::alpha, alpha);
    call.read(&Backward::dy, dy);
    call.write(&Backward::dresidual, dy);
    call.write(&Backward::dx, dx);
    call.check(function);
  }
}

/// A CPU thread continues from the last model of one row of x to the first model of the next row within a cache line that it streams.
TEST_P(Models, MatchTheReferenceAcrossRowsOfX) {
  if (GetParam().name != "cpu") return;
  const Placement shared({3, 12, 70001}, {70001, 0, 1}), own({3, 12, 70001});
  const Operand x = random_operand("x", DType::f32, shared, function), y = output_operand("y", DType::f32, own);
  CheckedFunction<Forward> call(GetParam());
  call.read(&Forward::x, x);
  call.write(&Forward::y, y);
  call.check(function);
}

}  // namespace
}  // namespace rectify::test
