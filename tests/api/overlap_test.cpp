// overlap() against a comparison of all bytes, for random views and for slices of one array.
#include "overlap.hpp"

#include "dice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace rectify::detail {
namespace {

alignas(256) char memory[1 << 18];

TensorView view(std::int64_t byte, DType dtype, const Shape& shape, const Strides& strides) {
  return TensorView(memory + byte, dtype, shape, Device::cpu()).strided(strides);
}

TensorView floats(std::int64_t element, const Shape& shape, const Strides& strides) {
  return view(4 * element, DType::f32, shape, strides);
}

/// f(byte) for the first byte of each element.
template <class F>
void for_each_element(const ConstTensorView& v, F&& f) {
  const std::int64_t bytes = bits_per_element(v.dtype()) / 8;
  std::int64_t index[max_rank] = {}, at = static_cast<const char*>(v.data()) - memory;
  for (int axis = 0; axis >= 0;) {
    f(at);
    for (axis = v.shape().rank() - 1; axis >= 0; --axis) {
      at += v.strides()[axis] * bytes;
      if (++index[axis] < v.shape()[axis]) break;
      at -= v.shape()[axis] * v.strides()[axis] * bytes;
      index[axis] = 0;
    }
  }
}

/// The expected answer, found by comparing all bytes.
template <std::size_t most>
bool share_a_byte(const ConstTensorView& a, const ConstTensorView& b) {
  static std::bitset<most> bytes_of_a;
  bytes_of_a.reset();
  for_each_element(a, [&](std::int64_t at) {
    for (int k = 0; k < bits_per_element(a.dtype()) / 8; ++k) bytes_of_a.set(static_cast<std::size_t>(at + k));
  });
  bool shared = false;
  for_each_element(b, [&](std::int64_t at) {
    for (int k = 0; k < bits_per_element(b.dtype()) / 8; ++k)
      shared = shared || bytes_of_a.test(static_cast<std::size_t>(at + k));
  });
  return shared;
}

std::string text(const ConstTensorView& v) {
  std::string all =
      "f" + std::to_string(bits_per_element(v.dtype())) + " at " + std::to_string(static_cast<const char*>(v.data()) - memory);
  for (int axis = 0; axis < v.shape().rank(); ++axis)
    all += (axis > 0 ? ", " : ": ") + std::to_string(v.shape()[axis]) + " by " + std::to_string(v.strides()[axis]);
  return all;
}

/// overlap() gives the right answer, in either order of its arguments.
template <std::size_t most>
void expect_exact(const ConstTensorView& a, const ConstTensorView& b) {
  const Overlap found = overlap(a, b);
  const Overlap right = share_a_byte<most>(a, b) ? Overlap::some : Overlap::none;
  ASSERT_EQ(found, right) << text(a) << " and " << text(b);
  ASSERT_EQ(overlap(b, a), found) << text(b) << " and " << text(a);
}

/// 1,000,000 pairs of small tensors with any strides, close to each other.
TEST(SharedBytes, MatchesAComparisonOfAllBytesForRandomViews) {
  constexpr std::size_t most = 2048;
  test::Dice dice(1);
  const auto random_view = [&] {
    const DType dtype = dice.any_of({DType::f16, DType::f32, DType::f64});
    const std::int64_t bytes = bits_per_element(dtype) / 8;
    std::int64_t extents[4], strides[4], elements = 1;
    const auto rank = dice.below(5);
    for (int axis = 0; axis < rank; ++axis) {
      extents[axis] = elements < 40 ? 1 + dice.below(6) : 1;
      strides[axis] = dice.below(14);
      elements *= extents[axis];
    }
    return view(dice.below(256 / bytes) * bytes, dtype, Shape(extents, rank), Strides(strides, rank));
  };
  int apart = 0;
  for (int pair = 0; pair < 1000000; ++pair) {
    const TensorView a = random_view(), b = random_view();
    expect_exact<most>(a, b);
    if (HasFatalFailure()) return;
    apart += overlap(a, b) == Overlap::none;
  }
  EXPECT_GT(apart, 100000);
  EXPECT_LT(apart, 900000);
}

/// A dense or padded array with its axes in any order.
struct Parent {
  Shape shape;
  Strides strides;

  explicit Parent(test::Dice& dice) {
    std::int64_t extents[max_rank], of_axis[max_rank], next = 1, elements = 1;
    const int rank = 1 + dice.below(max_rank);
    for (int axis = 0; axis < rank; ++axis) {
      extents[axis] = elements < 600 ? 1 + dice.below(dice.one_in(3) ? 12 : 4) : 1;
      elements *= extents[axis];
      of_axis[axis] = next;
      next = next * extents[axis] + (dice.one_in(4) ? dice.below(5) : 0);
    }
    for (int axis = rank - 1; axis > 0; --axis) {
      const int other = dice.below(axis + 1);
      std::swap(extents[axis], extents[other]);
      std::swap(of_axis[axis], of_axis[other]);
    }
    shape = Shape(extents, rank);
    strides = Strides(of_axis, rank);
  }

  /// a[first:last:step, ...] with its axes in any order; an index instead of a slice now and then.
  TensorView slice(test::Dice& dice) const {
    std::int64_t extents[max_rank], of_axis[max_rank], at = 0;
    int rank = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const std::int64_t first = dice.below(shape[axis]), step = 1 + dice.below(4), most = (shape[axis] - 1 - first) / step + 1;
      at += first * strides[axis];
      if (dice.one_in(5)) continue;
      extents[rank] = dice.one_in(2) ? most : 1 + dice.below(most);
      of_axis[rank++] = step * strides[axis];
    }
    for (int axis = rank - 1; axis > 0; --axis) {
      const int other = dice.below(axis + 1);
      std::swap(extents[axis], extents[other]);
      std::swap(of_axis[axis], of_axis[other]);
    }
    return floats(at, Shape(extents, rank), Strides(of_axis, rank));
  }
};

TEST(SharedBytes, IsDecidedForAnyTwoSlicesOfOneArray) {
  test::Dice dice(2);
  int apart = 0;
  for (int array = 0; array < 30000; ++array) {
    const Parent parent(dice);
    for (int pair = 0; pair < 4; ++pair) {
      const TensorView a = parent.slice(dice), b = parent.slice(dice);
      expect_exact<sizeof memory>(a, b);
      if (HasFatalFailure()) return;
      apart += overlap(a, b) == Overlap::none;
    }
  }
  EXPECT_GT(apart, 20000);
  EXPECT_LT(apart, 100000);
}

/// Too large to compare element by element: halves, every other element, blocks, channels, and neighbouring diagonals.
TEST(SharedBytes, IsDecidedForSlicesOfLargeArrays) {
  const std::int64_t n = 1 << 20;
  const TensorView left = floats(0, {n, 500}, {1001, 1}), right = floats(500, {n, 501}, {1001, 1});
  EXPECT_EQ(overlap(left, right), Overlap::none);
  EXPECT_EQ(overlap(left, floats(499, {n, 501}, {1001, 1})), Overlap::some);
  EXPECT_EQ(overlap(floats(0, {n}, {2}), floats(1, {n}, {2})), Overlap::none);
  EXPECT_EQ(overlap(floats(0, {n}, {2}), floats(1, {n}, {3})), Overlap::some);
  EXPECT_EQ(overlap(floats(0, {n}, {6}), floats(1, {n}, {10})), Overlap::none);
  EXPECT_EQ(overlap(floats(0, {n, 3}, {2000, 7}), floats(1001, {500, n / 2}, {1, 4000})), Overlap::none);
  EXPECT_EQ(overlap(floats(0, {n, 300}, {1000, 3}), floats(0, {n / 3, 400}, {3000, 2})), Overlap::some);
  EXPECT_EQ(overlap(floats(0, {n, 300}, {2000, 3}), floats(1000, {n / 3, 400}, {6000, 2})), Overlap::none);
  EXPECT_EQ(overlap(floats(0, {1000}, {1001}), floats(1, {999}, {1001})), Overlap::none);
  EXPECT_EQ(overlap(floats(0, {7}, {1001}), floats(7, {1000}, {1000})), Overlap::none);
  EXPECT_EQ(overlap(floats(0, {1000}, {1001}), floats(700, {1000}, {1000})), Overlap::some);
  EXPECT_EQ(overlap(floats(0, {16, 64, 28, 28}, {128 * 784, 784, 28, 1}),
                    floats(64 * 784, {16, 64, 28, 28}, {128 * 784, 784, 28, 1})),
            Overlap::none);
}

/// A mask occupies whole bytes, which may lie between the elements of another tensor.
TEST(SharedBytes, CountsTheWholeBytesOfAMask) {
  const auto mask_at = [](std::int64_t byte) {
    return TensorView(memory + byte, DType::u1, {3, 9}, Device::cpu());
  };  // 4 bytes
  const TensorView every_other = floats(0, {20}, {2});
  EXPECT_EQ(overlap(every_other, mask_at(4)), Overlap::none);
  EXPECT_EQ(overlap(every_other, mask_at(3)), Overlap::some);
  EXPECT_EQ(overlap(mask_at(5), every_other), Overlap::some);
  EXPECT_EQ(overlap(mask_at(0), mask_at(4)), Overlap::none);
  EXPECT_EQ(overlap(mask_at(0), mask_at(3)), Overlap::some);
}

/// Strides that no array has, with too many elements to compare.
TEST(SharedBytes, MayBeUnknownForViewsOfNoCommonArray) {
  const TensorView odd = floats(0, {200, 200, 200}, {100003, 99991, 99989});
  EXPECT_EQ(overlap(odd, floats(100 * 100000 + 50000, {10}, {1})), Overlap::unknown);
  EXPECT_EQ(overlap(odd, floats(3 * 100003 + 99991 + 5 * 99989, {10}, {1})), Overlap::some);
}

/// Strides near the limits of their type: no sum overflows.
TEST(SharedBytes, IsDecidedForTheLargestSpans) {
  const std::int64_t far = (std::int64_t{1} << 61) - (1 << 20);
  const TensorView two = floats(0, {2}, {far}), one = floats(1, {2}, {far});
  EXPECT_EQ(overlap(two, one), Overlap::none);
  EXPECT_EQ(overlap(two, floats(0, {3}, {far / 2})), Overlap::some);
  // The sum of both spans needs more than 64 bits.
  EXPECT_EQ(overlap(floats(0, {2, 3}, {far / 2, far / 4}), floats(far / 2 + far / 4, {2, 3}, {far / 2 - 1, far / 4 - 1})),
            Overlap::some);
  EXPECT_EQ(overlap(floats(0, {2, 3}, {far / 2, far / 4}), floats(far / 2 + far / 4 + 1, {2, 3}, {far / 2 - 2, far / 4 - 2})),
            Overlap::none);
  EXPECT_EQ(overlap(floats(0, {far}, {1}), floats(9, {far / 2}, {2})), Overlap::some);
  EXPECT_EQ(overlap(floats(0, {far / 2}, {2}), floats(9, {far / 4}, {4})), Overlap::none);
}

}  // namespace
}  // namespace rectify::detail
