// Numbers of channels and inner extents of every size relative to a backend's tiles: parameters that repeat within a tile, that fill it,
// and whose runs are longer than a tile and end anywhere in it or in a cache line.
#include "checked_call.hpp"

#include <rectify/ops.hpp>

#include <string>
#include <tuple>

namespace rectify::test {
namespace {

class Channels : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Channels, testing::ValuesIn(targets()), target_name);

constexpr Relu function{0.25, 0.5, 6};

struct Case {
  std::int64_t outer, channels, inner;
};

/// A tile of the CPU backend has 1,024 bytes, it keeps 32 KiB of parameters, and a run of 192 elements or more is a tile; a thread of a
/// kernel processes 32 or 64 bytes, and several times as many in the last case.
constexpr Case cases[] = {{700, 7, 1},  {40, 1, 130}, {3, 1300, 1}, {2, 2600, 1},  {3, 1024, 1}, {2, 4096, 1}, {2, 4097, 1},
                          {2, 8192, 1}, {2, 8193, 1}, {11, 300, 3}, {5, 90, 49},   {3, 27, 127}, {3, 21, 128}, {2, 31, 191},
                          {2, 31, 192}, {2, 29, 193}, {2, 29, 207}, {2, 23, 256},  {2, 23, 300}, {2, 19, 511}, {2, 21, 512},
                          {2, 21, 784}, {2, 19, 999}, {5, 3, 1500}, {2, 13, 2100}, {6000, 16, 1}};

template <class Run>
void on_every_case(const Run& run) {
  for (const Case& c : cases) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
      SCOPED_TRACE(name(dtype) + " " + text_of({c.outer, c.channels, c.inner}));
      run(dtype, Placement({c.outer, c.channels, c.inner}), Placement({c.channels}));
    }
  }
}

/// dx from x, with one parameter per channel.
void check_dx(const Target& target, ConstTensorView Backward::*member, const char* parameter, DType dtype, const Placement& at,
              const Placement& per_channel) {
  const Operand x = random_operand("x", dtype, at, function), dy = random_operand("dy", dtype, at, function),
                of_channel = random_operand(parameter, dtype, per_channel, function), dx = output_operand("dx", dtype, at);
  CheckedFunction<Backward> call(target);
  call.read(&Backward::x, x);
  call.read(&Backward::dy, dy);
  call.read(member, of_channel);
  call.write(&Backward::dx, dx);
  call.check(function);
}

TEST_P(Channels, UseTheirOwnBias) {
  on_every_case([&](DType dtype, const Placement& at, const Placement& per_channel) {
    const Operand x = random_operand("x", dtype, at, function), bias = random_operand("bias", dtype, per_channel, function),
                  y = output_operand("y", dtype, at);
    CheckedFunction<Forward> call(GetParam());
    call.read(&Forward::x, x);
    call.read(&Forward::bias, bias);
    call.write(&Forward::y, y);
    call.check(function);
  });
}

TEST_P(Channels, UseTheirOwnSlope) {
  on_every_case([&](DType dtype, const Placement& at, const Placement& per_channel) {
    check_dx(GetParam(), &Backward::alpha, "alpha", dtype, at, per_channel);
  });
}

/// Aligned rows of views, so many that a thread of a kernel processes several, with channels along the rows or across them.
TEST_P(Channels, MatchTheReferenceInStridedViews) {
  const Placement views[] = {{{2000, 20, 1}, {24, 1, 1}}, {{700, 5, 14}, {160, 32, 1}}, {{40, 3, 1300}, {8192, 2048, 1}}};
  for (const Placement& at : views) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
      SCOPED_TRACE(name(dtype) + ", " + std::to_string(at.shape[1]) + " channels");
      const Placement per_channel({at.shape[1]});
      const Operand x = random_operand("x", dtype, at, function), residual = random_operand("residual", dtype, at, function),
                    bias = random_operand("bias", dtype, per_channel, function), y = output_operand("y", dtype, at);
      CheckedFunction<Forward> call(GetParam());
      call.read(&Forward::x, x);
      call.read(&Forward::residual, residual);
      call.read(&Forward::bias, bias);
      call.write(&Forward::y, y);
      call.check(function);
      check_dx(GetParam(), &Backward::alpha, "alpha", dtype, at, per_channel);
    }
  }
}

/// y and a mask, with one bias per channel.
void check_mask(const Target& target, DType dtype, DType bits, const Placement& at, const Placement& per_channel) {
  const Operand x = random_operand("x", dtype, at, function), bias = random_operand("bias", dtype, per_channel, function),
                y = output_operand("y", dtype, at), mask = output_operand("mask", bits, at.shape);
  CheckedFunction<Forward> call(target);
  call.read(&Forward::x, x);
  call.read(&Forward::bias, bias);
  call.write(&Forward::y, y);
  call.write(&Forward::mask, mask);
  call.check(bits == DType::u1 ? Relu{0.25, 0.5} : function);
}

TEST_P(Channels, WriteTheirOwnMaskBits) {
  on_every_case([&](DType dtype, const Placement& at, const Placement& per_channel) {
    for (const DType bits : {DType::u1, DType::u2}) check_mask(GetParam(), dtype, bits, at, per_channel);
  });
}

/// Outputs that the CPU backend streams past the caches, aligned to a cache line or not. Rows of 785 elements end anywhere in a line.
TEST_P(Channels, MatchTheReferenceInLargeOutputs) {
  if (GetParam().name != "cpu") return;  // a kernel has one way to store
  for (const Case& c : {Case{3, 1000, 785}, Case{2, 1500, 784}, Case{2400, 1000, 1}, Case{2100, 1024, 1}, Case{3, 5, 170001}}) {
    for (const int offset : {0, 1, 3}) {
      SCOPED_TRACE(text_of({c.channels, c.inner}) + ", offset " + std::to_string(offset));
      const Placement at(Shape{c.outer, c.channels, c.inner}, offset), per_channel({c.channels});
      check_dx(GetParam(), &Backward::scale, "scale", DType::f32, at, per_channel);
    }
  }
  for (const auto& [dtype, bits, offset] : {std::tuple{DType::f32, DType::u1, 1},
                                            {DType::f16, DType::u2, 3},
                                            {DType::f64, DType::u1, 0},
                                            {DType::f64, DType::u2, 1}}) {
    SCOPED_TRACE(name(dtype) + " and " + name(bits) + ", offset " + std::to_string(offset));
    check_mask(GetParam(), dtype, bits, Placement(Shape{3, 1001, 1401}, offset), Placement({1001}));
  }
}

}  // namespace
}  // namespace rectify::test
