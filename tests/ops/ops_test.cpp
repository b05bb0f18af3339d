// forward() and backward() without optional operands give the bits of the reference on every target: every half, every edge, every size and
// offset, any layout.
#include "cases.hpp"

#include <rectify/ops.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace rectify::test {
namespace {

class Ops : public testing::TestWithParam<Target> {
 protected:
  const Target& target() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Ops, testing::ValuesIn(targets()), target_name);

Placement row(std::int64_t elements, int offset = 0) { return Placement(Shape{elements}, offset); }
std::int64_t count(DType dtype, const Bytes& bytes) {
  return static_cast<std::int64_t>(bytes.size()) / bytes_per_element(dtype);
}

/// The elements rotated by `by`, to pair each element with another.
Bytes rotated(DType dtype, Bytes all, std::int64_t by) {
  std::rotate(all.begin(), all.begin() + by * bytes_per_element(dtype) % static_cast<std::int64_t>(all.size()), all.end());
  return all;
}

TEST_P(Ops, MatchTheReferenceInForwardOnEveryEdgeAndEveryHalf) {
  for (DType dtype : dtypes) {
    for (const Named& set : parameter_sets()) {
      SCOPED_TRACE(name(dtype) + " " + set.name);
      const Bytes x = edges(dtype, set.relu);
      const Placement at = row(count(dtype, x));
      check_forward(target(), set.relu, dtype, x, at, &at);
    }
  }
}

TEST_P(Ops, MatchTheReferenceInBackwardOnEveryEdgeAndEveryHalf) {
  for (DType dtype : dtypes) {
    for (const Named& set : parameter_sets()) {
      const Bytes x = edges(dtype, set.relu);
      const std::int64_t n = count(dtype, x);
      const bool half = bytes_per_element(dtype) == 2;
      for (std::int64_t by = half ? 7919 : 0; by < n;
           by += half ? 21011 : 1) {  // every pair of edges, a few pairings of halves
        SCOPED_TRACE(name(dtype) + " " + set.name + " rotated by " + std::to_string(by));
        const Bytes dy = rotated(dtype, x, by);
        check_backward(target(), set.relu, dtype, dy, x, {row(n), row(n), row(n)});
        if (readable_from_y(set.relu, dtype))
          check_backward(target(), set.relu, dtype, dy, x, {row(n), row(n), row(n)}, InPlace::no, Source::y);
      }
    }
  }
}

/// All sizes; under a sanitizer, which is ten times as slow, those near the edges of vectors, tiles and blocks.
std::vector<int> sizes(const Target& target) {
  std::vector<int> all;
  for (int n = 0; n <= 1025; ++n) {
    if (target.sanitized && n > 40 && n % 256 > 2 && n % 256 < 254) continue;
    all.push_back(n);
  }
  return all;
}

/// On slow targets a pair of offsets is tried with every fourth size, and with every remainder of a pack.
bool is_tried(const Target& target, int n, int in, int out) {
  return target.one_in == 1 || target.sanitized || (n + n / 8 + 3 * in + 5 * out) % 4 == 0;
}

TEST_P(Ops, MatchTheReferenceForEverySizeAtEveryOffset) {
  const Relu relu{0.3, 0.1, 6};
  for (DType dtype : dtypes) {
    const int lanes = 16 / bytes_per_element(dtype);
    const Bytes x = random_patterns(dtype, 1025, 1), dy = random_patterns(dtype, 1025, 2);
    for (int n : sizes(target())) {
      const auto bytes = n * bytes_per_element(dtype);
      const Bytes x_n(x.begin(), x.begin() + bytes), dy_n(dy.begin(), dy.begin() + bytes);
      for (int in = 0; in < lanes; ++in) {
        for (int out = 0; out < lanes; ++out) {
          if (is_left_out(target(), n + 3 * in + 5 * out) || !is_tried(target(), n, in, out)) continue;
          const Placement at_in = row(n, in), at_out = row(n, out);
          check_forward(target(), relu, dtype, x_n, at_in, &at_out);
          check_backward(target(), relu, dtype, dy_n, x_n, {(n + in + out) % 2 == 0 ? at_in : at_out, at_in, at_out});
          ASSERT_FALSE(HasFailure()) << name(dtype) << ", " << n << " elements, inputs offset by " << in << ", output by "
                                     << out;
        }
      }
    }
  }
}

TEST_P(Ops, InPlaceCallsMatchTheReferenceForEveryAllowedPair) {
  const Relu relu{0.3, 0.1, 6};
  for (DType dtype : dtypes) {
    for (std::int64_t n : {1, 7, 1023, 70001}) {
      for (int offset : {0, 1}) {
        SCOPED_TRACE(name(dtype) + ", " + std::to_string(n) + " elements, offset " + std::to_string(offset));
        const Bytes x = random_patterns(dtype, n, 3), dy = random_patterns(dtype, n, 4);
        const Placement at = row(n, offset);
        check_forward(target(), relu, dtype, x, at, nullptr);
        check_backward(target(), relu, dtype, dy, x, {at, at, at}, InPlace::as_dy);
        check_backward(target(), relu, dtype, dy, x, {at, at, at}, InPlace::as_x);
        check_backward(target(), {0.3}, dtype, dy, x, {at, at, at}, InPlace::as_dy, Source::y);
      }
    }
  }
}

/// Random strides over `shape` that nest in a random order of the axes, with gaps; `broadcast` lets some be 0.
Strides random_strides(const Shape& shape, bool broadcast, std::mt19937& random) {
  std::vector<int> order(static_cast<std::size_t>(shape.rank()));
  std::iota(order.begin(), order.end(), 0);
  if (random() % 2 == 0) std::shuffle(order.begin(), order.end(), random);
  std::int64_t strides[max_rank] = {}, next = 1 + (random() % 4 == 0 ? random() % 3 : 0);
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    strides[*axis] = broadcast && random() % 4 == 0 ? 0 : next;
    next *= shape[*axis];
    if (random() % 3 == 0) next += random() % 4;
  }
  return {strides, shape.rank()};
}

TEST_P(Ops, MatchTheReferenceInRandomLayouts) {
  for (unsigned seed = 0; seed < 600; ++seed) {
    std::mt19937 random(seed);
    std::int64_t extents[max_rank];
    const int rank = static_cast<int>(random() % (max_rank + 1));
    for (int axis = 0; axis < rank; ++axis) extents[axis] = 1 + random() % (rank < 4 ? 17 : 4);
    const Shape shape(extents, rank);
    const DType dtype = dtypes[random() % 4];
    const Relu relu = parameter_sets()[random() % parameter_sets().size()].relu;
    const auto place = [&](bool broadcast) {
      return Placement(shape, random_strides(shape, broadcast, random), static_cast<int>(random() % 8));
    };
    const Placement dy = place(true), x = place(true), out = place(false);
    const Bytes dy_bytes = random_patterns(dtype, dy.span(), seed), x_bytes = random_patterns(dtype, x.span(), seed + 1000000);
    check_forward(target(), relu, dtype, x_bytes, x, &out);
    check_backward(target(), relu, dtype, dy_bytes, x_bytes, {dy, x, out});
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST_P(Ops, TensorsDenseInAnotherOrderMatchTheReference) {
  const Shape nchw{3, 5, 7, 11};
  const Strides channels_last{5 * 7 * 11, 1, 11 * 5, 5};
  const Placement at(nchw, channels_last);
  const Bytes x = random_patterns(DType::bf16, at.span(), 5), dy = random_patterns(DType::bf16, at.span(), 6);
  check_forward(target(), {0.2}, DType::bf16, x, at, &at);
  check_backward(target(), {0.2}, DType::bf16, dy, x, {at, at, at});
}

TEST_P(Ops, MatchTheReferenceInLargeTensorsAtAnyOffset) {
  const Relu relu{0.3, 0.1, 6};
  for (DType dtype : {DType::bf16, DType::f32, DType::f64}) {
    const std::int64_t n = (std::int64_t{9} << 20) / bytes_per_element(dtype) + 13;
    const Bytes x = random_patterns(dtype, n, 7), dy = random_patterns(dtype, n, 8);
    for (int offset : {0, 1}) {
      SCOPED_TRACE(name(dtype) + ", offset " + std::to_string(offset));
      const Placement aligned = row(n), moved = row(n, offset);
      check_forward(target(), relu, dtype, x, aligned, &moved);
      check_backward(target(), relu, dtype, dy, x, {aligned, moved, moved});
      check_forward(target(), relu, dtype, x, moved, nullptr);
    }
  }
}

TEST_P(Ops, MatchTheReferenceInLargeStridedTensors) {
  // The work of a thread does not end with a row: each thread starts in the middle of one.
  const Shape shape{7001, 7};
  const Placement gaps(shape, {9, 1}), columns(shape, {1, 7003}), broadcast(shape, {0, 1});
  for (DType dtype : {DType::bf16, DType::f32}) {
    const Bytes x = random_patterns(dtype, columns.span(), 12), dy = random_patterns(dtype, broadcast.span(), 13);
    check_forward(target(), {0.3, 0.1, 6}, dtype, x, columns, &gaps);
    check_backward(target(), {0.3, 0.1, 6}, dtype, dy, x, {broadcast, columns, gaps});
  }
}

/// Pitched tensors and slices of channels: packs within rows, and the elements left at the ends of rows.
TEST_P(Ops, MatchTheReferenceInRowsThatBeginOnBoundaries) {
  struct Rows {
    Shape shape;
    Strides strides;
  };
  const Relu relu{0.3, 0.25, 2};
  for (const Rows& rows :
       {Rows{{9, 500}, {512, 1}}, Rows{{7, 1001}, {1024, 1}}, Rows{{300, 8}, {16, 1}}, Rows{{5, 3, 37}, {400, 80, 1}},
        Rows{{2, 3, 2, 50}, {4000, 1000, 64, 1}}, Rows{{3, 4111}, {4112, 1}}}) {
    const Placement at(rows.shape, rows.strides), dense(rows.shape), moved(rows.shape, rows.strides, 1);
    for (DType dtype : dtypes) {
      const auto numbers = [&](const Placement& place, int seed) { return random_patterns(dtype, place.span(), seed); };
      check_forward(target(), relu, dtype, numbers(at, 1), at, &at);
      check_forward(target(), relu, dtype, numbers(at, 2), at, nullptr);
      check_forward(target(), relu, dtype, numbers(dense, 3), dense, &at);
      check_forward(target(), relu, dtype, numbers(at, 4), at, &dense);
      check_forward(target(), relu, dtype, numbers(moved, 5), moved, &at);
      check_backward(target(), relu, dtype, numbers(at, 6), numbers(at, 7), {at, at, at});
      check_backward(target(), relu, dtype, numbers(dense, 8), numbers(at, 9), {dense, at, at});
      check_backward(target(), relu, dtype, numbers(at, 10), numbers(at, 11), {at, at, at}, InPlace::as_dy);
    }
  }
}

TEST_P(Ops, NoElementsAreAccepted) {
  for (const Shape& shape : {Shape{0}, Shape{3, 0, 5}, Shape{0, std::int64_t{1} << 62, 8}}) {
    const TensorView none(nullptr, DType::f32, shape, target().device);
    EXPECT_NO_THROW(forward(Relu{}, none, none));
    EXPECT_NO_THROW(backward(Relu{}, none, none, none));
  }
}

TEST_P(Ops, RankZeroIsOneElement) {
  const Placement at{Shape{}};
  check_forward(target(), {0.5}, DType::f32, random_patterns(DType::f32, 1, 9), at, &at);
}

}  // namespace
}  // namespace rectify::test
