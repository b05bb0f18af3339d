// Axes sorted and merged: what runs as one vector loop and what does not.
#include "layout.hpp"

#include <gtest/gtest.h>

namespace rectify::detail {
namespace {

TensorView tensor(const Shape& shape, const Strides& strides) {
  static float some;
  return TensorView(&some, shape, Device::cpu()).strided(strides);
}

Layout layout_of(const TensorView& out, const TensorView& in) {
  const ConstTensorView* inputs[] = {&in};
  return make_layout(out, inputs, 1);
}

TEST(Layout, DenseTensorsOfOneOrderAreOneRun) {
  const TensorView row_major = tensor({2, 3, 4}, {12, 4, 1}), channels_last = tensor({2, 3, 4, 5}, {60, 1, 15, 3}),
                   transposed = tensor({3, 4}, {1, 3});
  for (const TensorView& t : {row_major, channels_last, transposed}) {
    const Layout layout = layout_of(t, t);
    EXPECT_TRUE(layout.dense);
    EXPECT_EQ(layout.rank, 1);
    EXPECT_EQ(layout.axes[0].extent, layout.elements);
  }
}

TEST(Layout, TensorsOfDifferentOrdersAreNot) {
  const Layout layout = layout_of(tensor({3, 4}, {4, 1}), tensor({3, 4}, {1, 3}));
  EXPECT_FALSE(layout.dense);
  EXPECT_EQ(layout.rank, 2);
  EXPECT_EQ(layout.axes[1].out_stride, 1);  // innermost: where the output moves least
  EXPECT_EQ(layout.axes[1].in_stride[0], 3);
}

TEST(Layout, AxesOfOneElementAndTheirStridesDoNotCount) {
  const Layout layout = layout_of(tensor({1, 6, 1}, {999, 1, 7}), tensor({1, 6, 1}, {3, 1, 0}));
  EXPECT_TRUE(layout.dense);
  EXPECT_EQ(layout.elements, 6);
}

TEST(Layout, GapsAndBroadcastsMergeWhereTheyCan) {
  const Layout gap = layout_of(tensor({2, 3, 4}, {24, 4, 1}), tensor({2, 3, 4}, {12, 4, 1}));
  EXPECT_EQ(gap.rank, 2);
  const Layout broadcast = layout_of(tensor({2, 3, 4}, {12, 4, 1}), tensor({2, 3, 4}, {0, 0, 1}));
  EXPECT_EQ(broadcast.rank, 2);
  EXPECT_EQ(broadcast.axes[0].extent, 6);
}

TEST(Layout, ASingleElementIsDense) {
  EXPECT_TRUE(layout_of(tensor({}, {}), tensor({}, {})).dense);
  EXPECT_TRUE(layout_of(tensor({1, 1}, {5, 5}), tensor({1, 1}, {0, 0})).dense);
}

TEST(Nests, OutputsThatVisitAnAddressTwiceAreFound) {
  EXPECT_TRUE(nests(tensor({2, 3}, {3, 1})));
  EXPECT_TRUE(nests(tensor({2, 3}, {1, 2})));
  EXPECT_TRUE(nests(tensor({1, 3}, {0, 1})));
  EXPECT_FALSE(nests(tensor({2, 3}, {0, 1})));
  EXPECT_FALSE(nests(tensor({2, 3}, {2, 1})));
  EXPECT_FALSE(nests(tensor({2, 3}, {1, 1})));
}

}  // namespace
}  // namespace rectify::detail
