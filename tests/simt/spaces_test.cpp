// Index arithmetic for more items than 32 bits can count, too many for a test that runs a kernel.
#include "../../cuda/spaces.cuh"

#include <gtest/gtest.h>

namespace rectify::detail {
namespace {

Layout::Axis axis(std::int64_t extent, std::int64_t x, std::int64_t out, std::int64_t channel = 0) {
  return {extent, {x, 0, 0, out, 0, 0}, channel};
}

TEST(Strided, LocatesItemsPast32Bits) {
  Layout layout;
  layout.rank = 2;
  layout.axes[0] = axis(std::int64_t{1} << 33, 7, 5, 1);
  layout.axes[1] = axis(3, 1, 1);
  layout.elements = 3 * (std::int64_t{1} << 33);
  const Strided<float> space(layout);
  for (std::int64_t item :
       {std::int64_t{5}, (std::int64_t{1} << 32) - 1, (std::int64_t{1} << 32) + 1, (std::int64_t{1} << 33) + 11}) {
    const Place place = space.locate(item);
    EXPECT_EQ(place.x, item / 3 * 7 + item % 3) << item;
    EXPECT_EQ(place.out, item / 3 * 5 + item % 3) << item;
    EXPECT_EQ(place.channel, item / 3) << item;
  }
}

TEST(Strided, DividesByExtentsPast32Bits) {
  Layout layout;
  layout.rank = 2;
  layout.axes[0] = axis(2, 1, std::int64_t{1} << 34);
  layout.axes[1] = axis((std::int64_t{1} << 32) + 3, 2, 1);
  layout.elements = 2 * ((std::int64_t{1} << 32) + 3);
  const Strided<float> space(layout);
  const Place place = space.locate((std::int64_t{1} << 32) + 4);
  EXPECT_EQ(place.x, 1 + 2);
  EXPECT_EQ(place.out, (std::int64_t{1} << 34) + 1);
}

TEST(Strided, CutsRowsIntoPacksAndLeavesTheirEnds) {
  Layout layout;
  layout.rank = 3;
  layout.axes[0] = axis(2, 1000, 3000);
  layout.axes[1] = axis(3, 40, 100);
  layout.axes[2] = axis(14, 1, 1);
  layout.elements = 2 * 3 * 14;
  const Strided<float, Pack<float>> space(layout);
  EXPECT_EQ(space.items(), 2 * 3 * 3);
  EXPECT_EQ(space.edge_elements(), 2 * 3 * 2);
  EXPECT_EQ(space.locate(0).x, 0);
  EXPECT_EQ(space.locate(2).x, 8);
  EXPECT_EQ(space.locate(3 * 4 + 1).x, 1000 + 40 + 4);  // the second pack of the fifth row
  EXPECT_EQ(space.locate(3 * 4 + 1).out, 3000 + 100 + 4);
  EXPECT_EQ(space.locate_edge(0).x, 12);
  EXPECT_EQ(space.locate_edge(11).out, 3000 + 200 + 13);
}

Dense<float> channelled(std::int64_t channels, std::int64_t inner) {
  Dense<float> space{};
  space.length = std::int64_t{1} << 36;
  space.repeats = 1;
  space.channels = channels;
  space.inner = inner;
  space.by_channels = Divisor(channels);
  space.by_inner = Divisor(inner);
  return space;
}

TEST(Divisor, GivesTheQuotientsOfDivision) {
  const std::int64_t edge = std::int64_t{1} << 31;
  for (std::int64_t by :
       {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{7}, std::int64_t{49}, std::int64_t{1001},
        std::int64_t{1} << 16, (std::int64_t{1} << 30) + 1, edge - 1, edge, edge + 1, std::int64_t{1} << 40}) {
    const Divisor divisor(by);
    const auto check = [&](std::int64_t n) { ASSERT_EQ(divisor.quotient(n), n / by) << n << " by " << by; };
    for (std::int64_t n = 0; n < 5000; ++n) check(n);
    for (std::int64_t k = 1; k < 3000; ++k) {  // around multiples, below and above 2^31
      for (std::int64_t near = -1; near <= 1; ++near) {
        check(std::max<std::int64_t>(k * by + near, 0));
        check(std::max<std::int64_t>((edge - 1) / by * by - (k - 1) * by + near, 0));
      }
    }
    check(edge - 1);
    check(edge);
  }
}

TEST(Dense, FindsTheChannelOfElementsPast32Bits) {
  for (std::int64_t inner : {std::int64_t{1}, std::int64_t{5}, (std::int64_t{1} << 33) + 1}) {
    const Dense<float> space = channelled(7, inner);
    for (std::int64_t element : {std::int64_t{0}, std::int64_t{34}, (std::int64_t{1} << 32) + 9, (std::int64_t{1} << 35) + 1}) {
      Place place{};
      place.out = element;
      const Channel at = space.channel_of(place);
      EXPECT_EQ(at.index, element / inner % 7) << element << " of " << inner;
      EXPECT_EQ(at.remaining, inner - element % inner) << element << " of " << inner;
      for (int further : {1, 4}) {
        const Channel after = space.channel_after(at, further);
        EXPECT_EQ(after.index, (element + further) / inner % 7) << element << " of " << inner;
        EXPECT_EQ(after.remaining, inner - (element + further) % inner) << element << " of " << inner;
      }
    }
  }
}

TEST(Dense, FindsEveryRepeatOfX) {
  Dense<float> space = channelled(1, 1);
  space.repeats = 3;
  space.repeat_length = 8;
  space.by_repeat_length = Divisor(8);
  space.chunk = 2;
  simt::indices().block = {0, 1};
  const Place place = space.locate_repeated(5);  // x's elements 20 to 23: row 2 from 4 on
  EXPECT_EQ(place.x, 20);
  EXPECT_EQ(place.out, (2 * 3 + 2) * 8 + 4);
  EXPECT_EQ(space.repeats_here(), 1);
  simt::indices().block = {0, 0, 0};
  EXPECT_EQ(space.repeats_here(), 2);
  EXPECT_EQ(space.next_repeat(place).out, place.out + 8);
  EXPECT_EQ(space.next_repeat(place).x, 20);
}

TEST(Dense, SplitsTheRepeatsBetweenBlocksIfXIsShort) {
  Elementwise call;
  call.layout.elements = 1000 * 128;
  call.layout.repeats = 1000;
  call.layout.repeat_length = 128;
  EXPECT_EQ(make_dense<float>(call, false).chunk, 1);
  call.layout.elements = 16 * (std::int64_t{1} << 24);
  call.layout.repeats = 16;
  call.layout.repeat_length = std::int64_t{1} << 24;
  EXPECT_EQ(make_dense<float>(call, false).chunk, 16);
}

TEST(Grid, CoversAllItemsAndStaysWithinTheLimit) {
  EXPECT_EQ(blocks_for(0, 2), 1u);
  EXPECT_EQ(blocks_for(1, 2), 1u);
  EXPECT_EQ(blocks_for(threads_per_block * 2, 2), 1u);
  EXPECT_EQ(blocks_for(threads_per_block * 2 + 1, 2), 2u);
  EXPECT_EQ(blocks_for(std::int64_t{1} << 60, 1), 2147483647u);
}

TEST(Tuning, UsesEachRowUpToTheNext) {
  EXPECT_EQ(packs_in_flight(75, 1), tuning_table[0].one_input);
  EXPECT_EQ(packs_in_flight(89, 2), tuning_table[1].two_inputs);
  EXPECT_EQ(packs_in_flight(90, 1), tuning_table[2].one_input);
  EXPECT_EQ(packs_in_flight(999, 2), tuning_table[4].two_inputs);
}

}  // namespace
}  // namespace rectify::detail
