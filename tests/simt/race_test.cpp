// The kernels of sums under ThreadSanitizer, where each thread of a block is a fibre. Accesses of two threads to the same memory without a
// barrier between them are reported, and the run fails. The sums are compared too; they are exact, as all terms are small integers. This
// file compiles the kernel sources of one type, without the library.
#include "simt.hpp"

#include "../../cuda/elementwise_f32.cu"
#include "../../cuda/sums_f32.cu"

#include "layout.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rectify::detail {
namespace {

struct Case {
  std::int64_t outer, channels, inner;
  std::int64_t length;  // of each sum
};

/// Long runs, rows of whole periods, a period cut into strips, and a single row; sums per channel and of all elements.
constexpr Case cases[] = {{2, 2, 5000, 2},  {1, 1, 9000, 1},    {300, 12, 1, 12}, {40, 4, 9, 4},  {18, 5, 240, 5},
                          {17, 40, 40, 40}, {2, 3000, 1, 3000}, {3, 100, 16, 1},  {2, 33, 65, 33}};

class SumKernels : public testing::TestWithParam<simt::Order> {};

INSTANTIATE_TEST_SUITE_P(InEveryOrder, SumKernels,
                         testing::Values(simt::Order::ascending, simt::Order::descending, simt::Order::shuffled));

struct Memory {
  std::vector<float> x, dy, dx, scale, sums[sum_kinds], workspace;

  explicit Memory(const Case& c) {
    const auto elements = static_cast<std::size_t>(c.outer * c.channels * c.inner);
    for (std::size_t i = 0; i < elements; ++i) {
      x.push_back(static_cast<float>(static_cast<int>(i * 7 % 5) - 2));
      dy.push_back(static_cast<float>(static_cast<int>(i * 11 % 7) - 3));
    }
    dx.resize(elements);
    scale.assign(static_cast<std::size_t>(c.channels), 1.0f);
    for (auto& sum : sums) sum.assign(static_cast<std::size_t>(c.length), -1.0f);
  }
};

/// For alpha 2 and a cap of 2.
std::vector<float> expected_dbias(const Case& c, const Memory& memory) {
  std::vector<float> sums(static_cast<std::size_t>(c.length));
  for (std::size_t i = 0; i < memory.x.size(); ++i) {
    const float slope = memory.x[i] <= 0 ? 2.0f : memory.x[i] >= 2 ? 0.0f : 1.0f;
    const auto channel = static_cast<std::int64_t>(i) / c.inner % c.channels;
    sums[static_cast<std::size_t>(c.length == 1 ? 0 : channel)] += slope * memory.dy[i];
  }
  return sums;
}

Elementwise planned(const Case& c, Memory& memory, bool all_sums, bool packed) {
  const Device device = Device::cuda(0);
  const Shape shape{c.outer, c.channels, c.inner};
  const ConstTensorView x(memory.x.data(), shape, device), dy(memory.dy.data(), shape, device),
      dx(memory.dx.data(), shape, device);
  Tensors tensors = {};
  tensors[slot_x] = &x;
  tensors[slot_dy] = &dy;
  tensors[slot_out] = &dx;
  Elementwise call;
  call.relu = {2, 0, 2};
  call.dtype = DType::f32;
  call.x = memory.x.data();
  call.dy = memory.dy.data();
  call.out = memory.dx.data();
  if (all_sums) call.parameters[parameter_scale] = {memory.scale.data(), c.channels > 1 ? 1 : 0, false};
  call.layout = make_layout(tensors, slot_out, c.channels > 1 ? 1 : no_channels);
  if (!packed) call.layout.contiguous[slot_x] = false;  // selects the kernel for strided tensors
  for (int slot = 0; slot < sum_kinds; ++slot) {
    if (all_sums || slot == sum_bias) call.sums[slot] = {memory.sums[slot].data(), c.length, c.length > 1 ? 1 : 0};
  }
  memory.workspace.resize(sum_workspace_bytes(call, cuda_sum_grain<float>) / sizeof(float));
  call.workspace = memory.workspace.data();
  return call;
}

TEST_P(SumKernels, HaveNoRace) {
  simt::set_order(GetParam());
  for (const Case& c : cases) {
    for (const bool all_sums : {false, true}) {
      for (const bool packed : {true, false}) {
        Memory memory(c);
        ASSERT_EQ(launch_sums<float>({planned(c, memory, all_sums, packed), {90, 1}, nullptr}), cudaSuccess);
        EXPECT_EQ(memory.sums[sum_bias], expected_dbias(c, memory))
            << c.outer << " x " << c.channels << " x " << c.inner << ", " << all_sums << packed;
      }
    }
  }
}

}  // namespace
}  // namespace rectify::detail
