// The bits of sums on every target are the same in every run, with any other outputs, from any source, in any layout and with any number of
// threads.
#include "sum_call.hpp"

#include <rectify/ops.hpp>

#include <omp.h>

#include <algorithm>
#include <string>

namespace rectify::test {
namespace {

using From = BackwardCall::From;

class SumsBits : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, SumsBits, testing::ValuesIn(targets()), target_name);

/// Enough elements for several threads: rows of channels, short and long runs, and so many rows that a part has several chains of
/// additions.
constexpr struct {
  DType dtype;
  std::int64_t outer, channels, inner;
} threaded[] = {{DType::bf16, 9000, 7, 1},
                {DType::f32, 17, 70, 49},
                {DType::bf16, 2, 3, 20000},
                {DType::f32, 1, 1, 100000},
                {DType::f64, 766667, 3, 1}};

class Threads {
 public:
  ~Threads() { omp_set_num_threads(before_); }
  void use(int count) const { omp_set_num_threads(count); }

 private:
  const int before_ = omp_get_max_threads();
};

/// Calls f(call, kind, channels) with calls whose sums round.
template <class F>
void for_each_threaded(const Target& target, const F& f) {
  for (auto [dtype, outer, channels, inner] : threaded) {
    if (target.one_in > 1) outer = std::min<std::int64_t>((outer + 9) / 10, 2000);
    if (target.one_in > 1) inner = std::min<std::int64_t>(inner, 5000);
    const Inputs in(dtype, Placement({outer, channels, inner}), Values::normal);
    for (const SumKind& kind : {all_five, from_y, from_mask}) {
      SCOPED_TRACE(name(dtype) + " " + text_of({channels, inner}) + ": " + kind.name);
      SumCall call(target, in, kind);
      f(call, kind, channels);
    }
  }
}

TEST_P(SumsBits, AreTheSameEveryTime) {
  for_each_threaded(GetParam(), [](const SumCall& call, const SumKind& kind, std::int64_t channels) {
    for (const std::int64_t length : {channels, std::int64_t{1}}) {
      const auto first = call.run(lengths_of(kind.requested, length)).bits();
      for (int i = 1; i < 5; ++i) EXPECT_EQ(call.run(lengths_of(kind.requested, length)).bits(), first);
    }
  });
}

TEST_P(SumsBits, AreTheSameOnAnyNumberOfThreads) {
  if (GetParam().device != Device::cpu()) GTEST_SKIP() << "the CPU's threads";
  for_each_threaded(GetParam(), [](const SumCall& call, const SumKind& kind, std::int64_t channels) {
    const Threads threads;
    for (const std::int64_t length : {channels, std::int64_t{1}}) {
      threads.use(1);
      const auto alone = call.run(lengths_of(kind.requested, length)).bits();
      for (int count : {2, 3, 7}) {
        threads.use(count);
        EXPECT_EQ(call.run(lengths_of(kind.requested, length)).bits(), alone) << count << " threads";
      }
    }
  });
}

TEST_P(SumsBits, DoNotDependOnOtherOutputs) {
  for_each_threaded(GetParam(), [](SumCall& call, const SumKind& kind, std::int64_t channels) {
    for (const std::int64_t length : {channels, std::int64_t{1}}) {
      const auto all = call.run(lengths_of(kind.requested, length)).bits();
      for (int i = 0; i < sum_count; ++i) {
        if ((kind.requested >> i & 1) == 0) continue;
        EXPECT_EQ(call.run(lengths_of(1u << i, length)).bits()[i], all[i]) << sum_name(i);
      }
      const TensorView dx = call.on_target().dx;
      call.on_target().dx = {};
      EXPECT_EQ(call.run(lengths_of(kind.requested, length)).bits(), all) << "without dx";
      call.on_target().dx = dx;
    }
  });
}

/// {outer, channels, inner}: rows side by side, folded runs, and rows of one long run; the last row or run of each is incomplete.
constexpr std::int64_t shapes[][3] = {{700, 7, 1},   {20, 2600, 1}, {33, 65, 33}, {5, 90, 208},
                                      {2, 23, 1100}, {2, 23, 1104}, {2, 3, 9000}, {1, 1, 100000}};

/// Calls f(inputs) for every shape and dtype.
template <class F>
void for_each_shape(const Target& target, const F& f) {
  int tried = 0;
  for (const auto& [outer, channels, inner] : shapes) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
      if (++tried % target.one_in != 0) continue;
      SCOPED_TRACE(name(dtype) + " " + text_of({outer, channels, inner}));
      f(Inputs(dtype, Placement({outer, channels, inner}), Values::normal));
    }
  }
}

/// Compares the sums that x, y and a mask of dtype `mask` can all give.
void expect_the_same_from_every_source(const Target& target, const Inputs& in, DType mask, bool with_dx) {
  const unsigned requested = mask == DType::u2 ? of_regions : of_bias | of_threshold;
  const auto bits_from = [&](From source) {
    SumCall call(target, in, {"", source, 0, requested, false, mask});
    if (!with_dx) call.on_target().dx = {};
    return call.run(lengths_of(requested, in.channels())).bits();
  };
  const auto from_x = bits_from(detail::source_x);
  EXPECT_EQ(bits_from(detail::source_y), from_x) << "from y";
  EXPECT_EQ(bits_from(detail::source_mask), from_x) << "from a mask of " << name(mask);
}

TEST_P(SumsBits, AreTheSameFromEverySource) {
  for_each_shape(GetParam(), [](const Inputs& in) {
    for (const DType mask : {DType::u1, DType::u2}) expect_the_same_from_every_source(GetParam(), in, mask, true);
  });
}

/// Without an output, x and dy may suggest different orders of the elements.
TEST_P(SumsBits, AreTheSameFromEverySourceWithoutDx) {
  const Strided strided(GetParam());
  const Placement rows = strided.dense(), channels_last = strided.channels_last();
  for (const Places& at : {Places{rows, channels_last, rows}, Places{channels_last, rows, rows}})
    expect_the_same_from_every_source(GetParam(), Inputs(DType::f32, at, Values::normal), DType::u2, false);
}

/// The same numbers at another offset, `gap` elements apart.
Operand moved(const Operand& dense, int offset, int gap) {
  Strides strides = dense.at.strides;
  for (int axis = 0; axis < dense.at.shape.rank(); ++axis) strides[axis] *= gap;
  Operand out = output_operand(dense.name, dense.dtype, {dense.at.shape, strides, offset});
  const int bytes = bytes_per_element(dense.dtype);
  for (std::size_t i = 0; i < dense.bytes.size(); ++i) out.bytes[i / bytes * bytes * gap + i % bytes] = dense.bytes[i];
  return out;
}

Inputs moved(const Inputs& dense, int offset, int gap) {
  Inputs out = dense;
  for (Operand* operand : {&out.x, &out.dy, &out.residual}) *operand = moved(*operand, offset, gap);
  out.at = out.x.at;
  return out;
}

TEST_P(SumsBits, AreTheSameInEveryLayout) {
  for_each_shape(GetParam(), [](const Inputs& in) {
    const Inputs beside = moved(in, 1, 1), apart = moved(in, 0, 2);
    Inputs from_gaps = apart, to_gaps = in;
    from_gaps.at.dx = in.at.dx;
    to_gaps.at.dx = apart.at.dx;
    for (const SumKind& kind :
         {all_five, from_y, from_mask, SumKind{"after a residual", detail::source_x, of_all_five, of_all_five, true}}) {
      SCOPED_TRACE(kind.name);
      const auto bits_of = [&](const Inputs& at) {
        return SumCall(GetParam(), at, kind).run(lengths_of(kind.requested, in.channels())).bits();
      };
      const auto of_dense = bits_of(in);
      EXPECT_EQ(bits_of(beside), of_dense) << "an element beside a boundary";
      EXPECT_EQ(bits_of(apart), of_dense) << "with gaps";
      EXPECT_EQ(bits_of(from_gaps), of_dense) << "inputs with gaps";
      EXPECT_EQ(bits_of(to_gaps), of_dense) << "an output with gaps";
    }
  });
}

}  // namespace
}  // namespace rectify::test
