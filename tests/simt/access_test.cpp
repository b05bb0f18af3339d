// Index arithmetic that no test can afford to reach by running a kernel: more items than 32 bits count.
#include "../../cuda/access.cuh"

#include <gtest/gtest.h>

namespace rectify::detail {
namespace {

TEST(Strided, LocatesItemsPast32Bits) {
  Strided<float, 1> space{};
  space.layout.rank = 2;
  space.layout.axes[0] = {std::int64_t{1} << 33, {7}, 5};
  space.layout.axes[1] = {3, {1}, 1};
  space.layout.elements = 3 * (std::int64_t{1} << 33);
  for (std::int64_t item :
       {std::int64_t{5}, (std::int64_t{1} << 32) - 1, (std::int64_t{1} << 32) + 1, (std::int64_t{1} << 33) + 11}) {
    const auto place = space.locate(item);
    EXPECT_EQ(place.in[0], item / 3 * 7 + item % 3) << item;
    EXPECT_EQ(place.out, item / 3 * 5 + item % 3) << item;
  }
}

TEST(Strided, DividesByExtentsPast32Bits) {
  Strided<float, 1> space{};
  space.layout.rank = 2;
  space.layout.axes[0] = {2, {1}, std::int64_t{1} << 34};
  space.layout.axes[1] = {(std::int64_t{1} << 32) + 3, {2}, 1};
  const auto place = space.locate((std::int64_t{1} << 32) + 4);
  EXPECT_EQ(place.in[0], 1 + 2);
  EXPECT_EQ(place.out, (std::int64_t{1} << 34) + 1);
}

TEST(Grid, CoversAllItemsAndStaysWithinTheLimit) {
  EXPECT_EQ(blocks_for(0, 2), 1u);
  EXPECT_EQ(blocks_for(1, 2), 1u);
  EXPECT_EQ(blocks_for(threads_per_block * 2, 2), 1u);
  EXPECT_EQ(blocks_for(threads_per_block * 2 + 1, 2), 2u);
  EXPECT_EQ(blocks_for(std::int64_t{1} << 60, 1), 2147483647u);
}

TEST(Tuning, RowsCountUpToTheNext) {
  EXPECT_EQ(packs_in_flight(75, 1), tuning_table[0].one_input);
  EXPECT_EQ(packs_in_flight(89, 2), tuning_table[1].two_inputs);
  EXPECT_EQ(packs_in_flight(90, 1), tuning_table[2].one_input);
  EXPECT_EQ(packs_in_flight(999, 2), tuning_table[4].two_inputs);
}

}  // namespace
}  // namespace rectify::detail
