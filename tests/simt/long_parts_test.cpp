// Parts of sums with more rows than a chain has. With the library's grain only tensors of 2^26 elements have such parts, too many for
// kernels on this CPU, so the kernels are launched with a plan of one part or a few.
#include "../../cuda/sums_launch.cuh"

#include "layout.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rectify::detail {
namespace {

struct Case {
  std::int64_t outer, channels, inner, parts;
};

/// Rows of several periods, of odd periods, strips, and long runs; at least 100 rows per part, not always a multiple of 32.
constexpr Case cases[] = {{40000, 5, 1, 1}, {40001, 5, 1, 3},  {400, 1001, 1, 4},
                          {300, 3, 700, 4}, {2, 2, 150000, 4}, {1, 1, 200003, 2}};

TEST(LongParts, AddUpAllTheirChains) {
  for (const Case& c : cases) {
    for (const bool interleaved : {false, true}) {
      const auto elements = static_cast<std::size_t>(c.outer * c.channels * c.inner);
      std::vector<float> dy(elements), dx(elements), x(elements, 1.0f), dbias(static_cast<std::size_t>(c.channels), -1.0f);
      std::vector<float> expected(dbias.size(), 0.0f);
      for (std::size_t i = 0; i < elements; ++i) {
        dy[i] = static_cast<float>(static_cast<int>(i * 11 % 7) - 3);  // small integers, so that every order is exact
        expected[i / static_cast<std::size_t>(c.inner) % dbias.size()] += dy[i];
      }
      const Shape shape{c.outer, c.channels, c.inner};
      const ConstTensorView view(x.data(), shape, Device::cuda(0));
      Tensors tensors = {};
      tensors[slot_x] = tensors[slot_dy] = tensors[slot_out] = &view;
      Elementwise call;
      call.x = x.data();
      call.dy = dy.data();
      call.out = dx.data();
      call.layout = make_layout(tensors, slot_out, c.channels > 1 ? 1 : no_channels);
      call.sums[sum_bias] = {dbias.data(), c.channels, c.channels > 1 ? 1 : 0};
      SumGrain grain = cuda_sum_grain<float>;
      grain.wanted_parts = c.parts;
      grain.interleaved = interleaved;
      const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), grain);
      ASSERT_GT(plan.rows_per_part, rows_in_a_chain);
      std::vector<float> workspace(static_cast<std::size_t>(sum_offsets(call, plan).total));
      call.workspace = workspace.data();
      const ElementwiseLaunch launch{call, {90, 1}, nullptr};
      const SumLaunch run{launch, plan, sum_offsets(call, plan)};
      ASSERT_EQ(launch_parts_from_x<float>(run), cudaSuccess);
      ASSERT_EQ(run.launch_second_pass<float>(), cudaSuccess);
      EXPECT_EQ(dbias, expected) << c.outer << " x " << c.channels << " x " << c.inner << (interleaved ? ", interleaved" : "");
    }
  }
}

}  // namespace
}  // namespace rectify::detail
