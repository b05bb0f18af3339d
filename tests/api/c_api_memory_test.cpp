// The C ABI where memory runs out: a status and a text all the same. Replaces operator new for the whole binary.
#include <rectify/rectify.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {

/// Allocations of this thread that are still granted; negative for no limit.
thread_local int granted = -1;

}  // namespace

void* operator new(std::size_t bytes) {
  if (granted == 0) throw std::bad_alloc();
  if (granted > 0) --granted;
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
// Never inlined, or GCC sees free() meet new and warns.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

/// Of two elements each.
rectify_forward_operands operands_of(float* x, float* y) {
  rectify_forward_operands operands = {};
  operands.struct_size = sizeof operands;
  operands.x.data = x;
  operands.x.dtype = RECTIFY_F32;
  operands.x.rank = 1;
  operands.x.shape[0] = 2;
  operands.y = operands.x;
  operands.y.data = y;
  return operands;
}

TEST(CApiMemory, ARejectionWithoutMemoryForItsTextIsAStatusStill) {
  float x[2] = {7, 7};
  rectify_forward_operands operands = operands_of(x, x);
  operands.y.shape[0] = 3;
  const rectify_relu relu = RECTIFY_RELU_INIT;
  int failed = 0;
  for (int allocations = 0; allocations < 50; ++allocations) {
    granted = allocations;
    const rectify_status status = rectify_forward(&relu, &operands, nullptr);
    granted = -1;
    if (status == RECTIFY_INVALID_ARGUMENT) break;
    ASSERT_EQ(status, RECTIFY_INTERNAL_ERROR);
    EXPECT_STREQ(rectify_last_error(), "out of memory");
    ++failed;
  }
  EXPECT_GE(failed, 1) << "no allocation of the library's came here";
  EXPECT_LT(failed, 50);
  for (float v : x) EXPECT_EQ(v, 7);
}

TEST(CApiMemory, AServedCallOnTheCpuNeedsNone) {
  float x[2] = {-1, 2}, y[2];
  const rectify_forward_operands operands = operands_of(x, y);
  const rectify_relu relu = RECTIFY_RELU_INIT;
  granted = 0;
  const rectify_status status = rectify_forward(&relu, &operands, nullptr);
  granted = -1;
  EXPECT_EQ(status, RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], 2);
}

}  // namespace
