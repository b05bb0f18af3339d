// make_layout(): which axes merge into one loop, where the channels are, and how often x repeats.
#include "layout.hpp"

#include <gtest/gtest.h>

namespace rectify::detail {
namespace {

TensorView tensor(const Shape& shape, const Strides& strides) {
  static float some;
  return TensorView(&some, shape, Device::cpu()).strided(strides);
}

/// The layout of y and x, without other tensors.
Layout layout_of(const TensorView& out, const TensorView& x, int channel_axis = no_channels) {
  Tensors tensors = {};
  tensors[slot_out] = &out;
  tensors[slot_x] = &x;
  return make_layout(tensors, slot_out, channel_axis);
}

TEST(Layout, MergesDenseTensorsOfOneOrderIntoOneAxis) {
  const TensorView row_major = tensor({2, 3, 4}, {12, 4, 1}), channels_last = tensor({2, 3, 4, 5}, {60, 1, 15, 3}),
                   transposed = tensor({3, 4}, {1, 3});
  for (const TensorView& t : {row_major, channels_last, transposed}) {
    const Layout layout = layout_of(t, t);
    EXPECT_TRUE(layout.contiguous[slot_out]);
    EXPECT_TRUE(layout.contiguous[slot_x]);
    EXPECT_EQ(layout.rank, 1);
    EXPECT_EQ(layout.axes[0].extent, layout.elements);
    EXPECT_EQ(layout.repeats, 1);
    EXPECT_EQ(layout.channels, 1);
  }
}

TEST(Layout, DoesNotMergeTensorsOfDifferentOrders) {
  const Layout layout = layout_of(tensor({3, 4}, {4, 1}), tensor({3, 4}, {1, 3}));
  EXPECT_TRUE(layout.contiguous[slot_out]);
  EXPECT_FALSE(layout.contiguous[slot_x]);
  EXPECT_EQ(layout.rank, 2);
  EXPECT_EQ(layout.axes[1].stride[slot_out], 1);  // innermost: where the leading tensor moves least
  EXPECT_EQ(layout.axes[1].stride[slot_x], 3);
  EXPECT_EQ(layout.repeats, 1);
}

TEST(Layout, OrdersAxesByTheLeadingTensor) {
  const TensorView x = tensor({3, 4}, {1, 3}), mask = tensor({3, 4}, {4, 1});
  Tensors tensors = {};
  tensors[slot_x] = &x;
  tensors[slot_mask] = &mask;
  for (Slot lead : {slot_x, slot_mask}) {
    const Layout layout = make_layout(tensors, lead, no_channels);
    EXPECT_EQ(layout.contiguous[slot_x], lead == slot_x);
    EXPECT_EQ(layout.contiguous[slot_mask], lead == slot_mask);
    EXPECT_EQ(layout.axes[0].extent, lead == slot_x ? 4 : 3);
  }
}

TEST(Layout, TreatsAbsentTensorsAsContiguous) {
  const TensorView t = tensor({2, 3}, {3, 1});
  const Layout layout = layout_of(t, t);
  for (Slot absent : {slot_dy, slot_residual, slot_dresidual, slot_mask}) {
    EXPECT_TRUE(layout.contiguous[absent]);
    EXPECT_EQ(layout.axes[0].stride[absent], 0);
  }
}

TEST(Layout, IgnoresAxesOfOneElement) {
  const Layout layout = layout_of(tensor({1, 6, 1}, {999, 1, 7}), tensor({1, 6, 1}, {3, 1, 0}), 1);
  EXPECT_TRUE(layout.contiguous[slot_x] && layout.contiguous[slot_out]);
  EXPECT_EQ(layout.elements, 6);
  EXPECT_EQ(layout.rank, 1);
  EXPECT_EQ(layout.channels, 6);
}

TEST(Layout, MergesTheAxesAroundGapsAndBroadcasts) {
  const Layout gap = layout_of(tensor({2, 3, 4}, {24, 4, 1}), tensor({2, 3, 4}, {12, 4, 1}));
  EXPECT_EQ(gap.rank, 2);
  EXPECT_FALSE(gap.contiguous[slot_out]);
  EXPECT_TRUE(gap.contiguous[slot_x]);
  const Layout broadcast = layout_of(tensor({2, 3, 4}, {12, 4, 1}), tensor({2, 3, 4}, {0, 0, 1}));
  EXPECT_EQ(broadcast.rank, 2);
  EXPECT_EQ(broadcast.axes[0].extent, 6);
}

TEST(Layout, TreatsASingleElementAsContiguous) {
  const Layout scalar = layout_of(tensor({}, {}), tensor({}, {}));
  EXPECT_TRUE(scalar.contiguous[slot_x] && scalar.contiguous[slot_out]);
  EXPECT_EQ(scalar.elements, 1);
  EXPECT_TRUE(layout_of(tensor({1, 1}, {5, 5}), tensor({1, 1}, {0, 0})).contiguous[slot_x]);
}

TEST(Layout, FindsTheChannelsInEveryOrder) {
  const Shape nchw{2, 3, 4, 5};
  const struct {
    Strides strides;
    int axis;
    std::int64_t channels, inner;
  } cases[] = {
      {{60, 20, 5, 1}, 1, 3, 20},  // NCHW
      {{60, 1, 15, 3}, 1, 3, 1},   // channels_last
      {{60, 20, 5, 1}, 0, 2, 60},  // one for each model
      {{60, 20, 5, 1}, 3, 5, 1},   // the last axis
      {{60, 20, 5, 1}, 2, 4, 5},
  };
  for (const auto& c : cases) {
    const TensorView t = tensor(nchw, c.strides);
    const Layout layout = layout_of(t, t, c.axis);
    EXPECT_EQ(layout.channels, c.channels);
    EXPECT_EQ(layout.inner, c.inner);
    EXPECT_TRUE(layout.contiguous[slot_x]);
    EXPECT_LE(layout.rank, 3);
  }
}

TEST(Layout, DoesNotMergeTheChannelAxis) {
  const TensorView t = tensor({4, 6}, {6, 1});
  EXPECT_EQ(layout_of(t, t).rank, 1);
  const Layout layout = layout_of(t, t, 0);
  EXPECT_EQ(layout.rank, 2);
  EXPECT_EQ(layout.axes[0].channel, 1);
  EXPECT_EQ(layout.axes[1].channel, 0);
}

TEST(Layout, CountsTheRepeatsOfABroadcastX) {
  const struct {
    Shape shape;
    Strides x;
    std::int64_t repeats, row;
  } cases[] = {
      {{7, 4, 5}, {0, 5, 1}, 7, 20},        // the models first
      {{4, 7, 5}, {5, 0, 1}, 7, 5},         // in the middle
      {{7, 2, 20}, {0, 0, 1}, 14, 20},      // along two axes
      {{4, 5}, {1, 0}, 5, 1},               // last: rows of one
      {{7, 6}, {0, 0}, 42, 1},              // one number
      {{2, 3, 4, 5}, {0, 20, 0, 1}, 1, 1},  // twice, apart from each other: no repeats
      {{3, 4, 5}, {0, 6, 1}, 1, 1},         // x has gaps
      {{3, 4, 5}, {0, 1, 4}, 1, 1},         // x has another order
  };
  for (const auto& c : cases) {
    const float* none = nullptr;
    const ConstTensorView row_major(none, c.shape, Device::cpu());
    const Layout layout = layout_of(tensor(c.shape, row_major.strides()), tensor(c.shape, c.x));
    EXPECT_EQ(layout.repeats, c.repeats) << c.shape[0] << " " << c.shape[1];
    EXPECT_EQ(layout.repeat_length, c.row) << c.shape[0] << " " << c.shape[1];
    EXPECT_FALSE(layout.contiguous[slot_x]);
  }
}

TEST(Nests, IsFalseIfAnAddressIsVisitedTwice) {
  EXPECT_TRUE(nests(tensor({2, 3}, {3, 1})));
  EXPECT_TRUE(nests(tensor({2, 3}, {1, 2})));
  EXPECT_TRUE(nests(tensor({1, 3}, {0, 1})));
  EXPECT_FALSE(nests(tensor({2, 3}, {0, 1})));
  EXPECT_FALSE(nests(tensor({2, 3}, {2, 1})));
  EXPECT_FALSE(nests(tensor({2, 3}, {1, 1})));
}

TEST(IsDense, HoldsForEveryOrderOfAxesWithoutGaps) {
  EXPECT_TRUE(is_dense(tensor({2, 3}, {3, 1})));
  EXPECT_TRUE(is_dense(tensor({2, 3}, {1, 2})));
  EXPECT_TRUE(is_dense(tensor({2, 3, 4, 5}, {60, 1, 15, 3})));
  EXPECT_TRUE(is_dense(tensor({1, 3}, {99, 1})));
  EXPECT_TRUE(is_dense(tensor({}, {})));
  EXPECT_FALSE(is_dense(tensor({2, 3}, {4, 1})));
  EXPECT_FALSE(is_dense(tensor({3}, {2})));
  EXPECT_FALSE(is_dense(tensor({2, 3}, {0, 1})));
  EXPECT_FALSE(is_dense(tensor({2, 3}, {1, 1})));
}

}  // namespace
}  // namespace rectify::detail
