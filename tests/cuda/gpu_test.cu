// Streams, capture into graphs, devices and the caller's CUDA errors; skipped on a machine without a GPU. The tests in tests/ops run on a
// GPU too, and compare every bit with the reference.
#include <rectify/rectify.hpp>

#include <cuda_runtime.h>
#include <thrust/device_vector.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace rectify {
namespace {

constexpr Relu parameters{0.3, 0.5, 6};

#define REQUIRE_CUDA(call) ASSERT_EQ(call, cudaSuccess)

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda_available()) GTEST_SKIP() << "no GPU";
  }
};

template <class T>
TensorView device_view(thrust::device_vector<T>& v, int device = 0) {
  return TensorView(thrust::raw_pointer_cast(v.data()), {static_cast<std::int64_t>(v.size())}, Device::cuda(device));
}

std::vector<float> ramp(std::size_t n) {
  std::vector<float> all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = static_cast<float>(i % 4001) * 0.005f - 10.0f;
  return all;
}

std::vector<float> expected_forward(std::vector<float> x) {
  const TensorView view(x.data(), {static_cast<std::int64_t>(x.size())}, Device::cpu());
  forward(parameters, view, view);
  return x;
}

std::vector<float> to_host(const thrust::device_vector<float>& v) {
  std::vector<float> all(v.size());
  thrust::copy(v.begin(), v.end(), all.begin());
  return all;
}

/// Owns a non-blocking stream, which does not synchronise with the default stream.
struct OwnStream {
  OwnStream() { cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking); }
  ~OwnStream() { cudaStreamDestroy(handle); }
  cudaStream_t handle = nullptr;
};

TEST_F(Gpu, RunsOnTheStreamItIsGiven) {
  const std::vector<float> x = ramp(1 << 24);
  thrust::device_vector<float> from(x.size()), y(x.size());
  const OwnStream upload, work;
  cudaEvent_t uploaded;
  REQUIRE_CUDA(cudaEventCreateWithFlags(&uploaded, cudaEventDisableTiming));
  REQUIRE_CUDA(cudaDeviceSynchronize());
  REQUIRE_CUDA(
      cudaMemcpyAsync(thrust::raw_pointer_cast(from.data()), x.data(), x.size() * 4, cudaMemcpyHostToDevice, upload.handle));
  REQUIRE_CUDA(cudaEventRecord(uploaded, upload.handle));
  REQUIRE_CUDA(cudaStreamWaitEvent(work.handle, uploaded));
  forward(parameters, device_view(from), device_view(y), work.handle);
  REQUIRE_CUDA(cudaStreamSynchronize(work.handle));
  EXPECT_EQ(to_host(y), expected_forward(x));
  cudaEventDestroy(uploaded);
}

TEST_F(Gpu, CanBeCapturedIntoAGraphAndReplayed) {
  const std::vector<float> x = ramp(100003);
  thrust::device_vector<float> from(x.size(), 0.0f), y(x.size());
  const OwnStream work;
  forward(parameters, device_view(from), device_view(y), work.handle);  // the first use of a kernel may load its module
  REQUIRE_CUDA(cudaStreamSynchronize(work.handle));
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  REQUIRE_CUDA(cudaStreamBeginCapture(work.handle, cudaStreamCaptureModeGlobal));
  forward(parameters, device_view(from), device_view(y), work.handle);
  backward(parameters, device_view(from), device_view(from), device_view(from), work.handle);
  REQUIRE_CUDA(cudaStreamEndCapture(work.handle, &graph));
  std::size_t nodes = 0;
  REQUIRE_CUDA(cudaGraphGetNodes(graph, nullptr, &nodes));
  EXPECT_EQ(nodes, 2u);
  REQUIRE_CUDA(cudaGraphInstantiate(&replay, graph, 0));
  from.assign(x.begin(), x.end());
  REQUIRE_CUDA(cudaGraphLaunch(replay, work.handle));
  REQUIRE_CUDA(cudaStreamSynchronize(work.handle));
  EXPECT_EQ(to_host(y), expected_forward(x));
  cudaGraphExecDestroy(replay);
  cudaGraphDestroy(graph);
}

/// Independent of the library: every step is rounded by an intrinsic, one element per thread.
__device__ float naive_value(float x) {
  if (!(x > 0.5f)) return __fmul_rn(0.3f, __fsub_rn(x, 0.5f));
  return x >= 6.0f ? 6.0f : x;
}
__device__ float naive_gradient(float dy, float x) {
  if (!(x > 0.5f)) return __fmul_rn(0.3f, dy);
  return x >= 6.0f ? 0.0f : dy;
}
__device__ bool same_number(float a, float b) { return __float_as_uint(a) == __float_as_uint(b) || (a != a && b != b); }
__device__ unsigned dy_bits_of(unsigned x_bits) { return x_bits * 2654435761u; }

__global__ void every_float_kernel(float* x, float* dy, unsigned first) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  x[i] = __uint_as_float(first + i);
  dy[i] = __uint_as_float(dy_bits_of(first + i));
}
__global__ void count_wrong_kernel(const float* y, const float* dx, unsigned first, unsigned* wrong) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const float x = __uint_as_float(first + i), dy = __uint_as_float(dy_bits_of(first + i));
  if (!same_number(y[i], naive_value(x))) atomicAdd(&wrong[0], 1u);
  if (!same_number(dx[i], naive_gradient(dy, x))) atomicAdd(&wrong[1], 1u);
}

/// All 2^32 inputs, generated and compared on the GPU, which takes seconds; slow_test.cpp has more parameters.
TEST_F(Gpu, MatchesANaiveKernelForEveryFloat) {
  constexpr unsigned chunk = 1u << 27, threads = 256;
  thrust::device_vector<float> x(chunk), dy(chunk), y(chunk), dx(chunk);
  thrust::device_vector<unsigned> wrong(2, 0u);
  unsigned first = 0;
  do {
    every_float_kernel<<<chunk / threads, threads>>>(thrust::raw_pointer_cast(x.data()), thrust::raw_pointer_cast(dy.data()),
                                                     first);
    forward(parameters, device_view(x), device_view(y));
    backward(parameters, device_view(dy), device_view(x), device_view(dx));
    count_wrong_kernel<<<chunk / threads, threads>>>(thrust::raw_pointer_cast(y.data()), thrust::raw_pointer_cast(dx.data()),
                                                     first, thrust::raw_pointer_cast(wrong.data()));
    REQUIRE_CUDA(cudaGetLastError());
    first += chunk;
  } while (first != 0);
  EXPECT_EQ(wrong[0], 0u) << "forward";
  EXPECT_EQ(wrong[1], 0u) << "backward";
}

using Bytes = std::vector<unsigned char>;

/// Finite numbers of both signs.
Bytes numbers(DType dtype, std::size_t elements) {
  const std::vector<float> all = ramp(elements);
  Bytes bytes(elements * (dtype == DType::f32 ? 4 : 2));
  for (std::size_t i = 0; i < elements; ++i) {
    const auto half = static_cast<std::uint16_t>(i * 37 % 0x7c00 | (i % 3 == 0 ? 0x8000 : 0));
    dtype == DType::f32 ? std::memcpy(&bytes[4 * i], &all[i], 4) : std::memcpy(&bytes[2 * i], &half, 2);
  }
  return bytes;
}

struct Outputs {
  Bytes y, mask, dx;
};

/// forward() with a bias and, if the tensor is dense, a mask; backward() with an alpha.
Outputs run_large(Device device, DType dtype, const Shape& shape, const Strides& strides) {
  const auto span = static_cast<std::size_t>(shape[0] * strides[0]);
  const Bytes x = numbers(dtype, span), parameter = numbers(dtype, static_cast<std::size_t>(shape[1])), other(x.size(), 0x5a);
  const thrust::device_vector<unsigned char> gpu_x = x, gpu_parameter = parameter;
  thrust::device_vector<unsigned char> gpu_y = other, gpu_dx = other, gpu_mask(x.size() / 8 + 1, 0);
  Outputs out{other, Bytes(gpu_mask.size(), 0), other};
  const bool on_cpu = device == Device::cpu();
  const auto place = [&](Bytes& host, thrust::device_vector<unsigned char>& gpu) {
    return on_cpu ? static_cast<void*>(host.data()) : static_cast<void*>(thrust::raw_pointer_cast(gpu.data()));
  };
  const auto input = [&](const Bytes& host, const thrust::device_vector<unsigned char>& gpu) {
    return on_cpu ? static_cast<const void*>(host.data()) : static_cast<const void*>(thrust::raw_pointer_cast(gpu.data()));
  };
  Forward f;
  f.x = ConstTensorView(input(x, gpu_x), dtype, shape, device).strided(strides);
  f.bias = ConstTensorView(input(parameter, gpu_parameter), dtype, {shape[1]}, device);
  f.y = TensorView(place(out.y, gpu_y), dtype, shape, device).strided(strides);
  std::int64_t inner = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) inner *= shape[axis];
  if (inner == strides[0]) f.mask = TensorView(place(out.mask, gpu_mask), DType::u1, shape, device);
  forward(Relu{0.3, 0.5}, f);
  Backward b;
  b.dy = b.x = f.x;
  b.alpha = f.bias;
  b.dx = TensorView(place(out.dx, gpu_dx), dtype, shape, device).strided(strides);
  backward(parameters, b);
  if (on_cpu) return out;
  thrust::copy(gpu_y.begin(), gpu_y.end(), out.y.begin());
  thrust::copy(gpu_mask.begin(), gpu_mask.end(), out.mask.begin());
  thrust::copy(gpu_dx.begin(), gpu_dx.end(), out.dx.begin());
  return out;
}

/// So large that a thread of a kernel with parameters processes several rows, for which a GPU with 132 multiprocessors needs a million
/// packs: odd periods, three channels, images, and views of each kind.
TEST_F(Gpu, MatchesTheCpuInLargeCallsWithParameters) {
  const struct {
    Shape shape;
    Strides strides;
  } cases[] = {{{12000, 1001}, {1001, 1}},
               {{4000000, 3}, {3, 1}},
               {{480, 512, 49}, {512 * 49, 49, 1}},
               {{90000, 100}, {104, 1}},
               {{500, 32, 784}, {64 * 784, 784, 1}}};
  for (const auto& [shape, strides] : cases) {
    for (const DType dtype : {DType::f32, DType::f16}) {
      const Outputs cpu = run_large(Device::cpu(), dtype, shape, strides),
                    gpu = run_large(Device::cuda(0), dtype, shape, strides);
      EXPECT_TRUE(gpu.y == cpu.y) << "y, " << shape[0] << " x " << shape[1];
      EXPECT_TRUE(gpu.mask == cpu.mask) << "mask, " << shape[0] << " x " << shape[1];
      EXPECT_TRUE(gpu.dx == cpu.dx) << "dx, " << shape[0] << " x " << shape[1];
    }
  }
}

TEST_F(Gpu, KeepsThePendingErrorOfTheCaller) {
  thrust::device_vector<float> x(100, -1.0f);
  EXPECT_EQ(cudaSetDevice(9999), cudaErrorInvalidDevice);
  forward(parameters, device_view(x), device_view(x));
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(to_host(x), std::vector<float>(100, 0.3f * (-1.0f - 0.5f)));
}

TEST_F(Gpu, ThrowsCudaErrorForAMissingDevice) {
  thrust::device_vector<float> x(100, -1.0f);
  EXPECT_THROW(forward(parameters, device_view(x, 999), device_view(x, 999)), CudaError);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(Gpu, RunsOnASecondDeviceAndRestoresTheFirst) {
  int devices = 0;
  REQUIRE_CUDA(cudaGetDeviceCount(&devices));
  if (devices < 2) GTEST_SKIP() << "one GPU";
  const std::vector<float> x = ramp(100003);
  REQUIRE_CUDA(cudaSetDevice(1));
  {
    thrust::device_vector<float> there(x.begin(), x.end());
    REQUIRE_CUDA(cudaSetDevice(0));
    forward(parameters, device_view(there, 1), device_view(there, 1));
    int current = -1;
    REQUIRE_CUDA(cudaGetDevice(&current));
    EXPECT_EQ(current, 0);
    REQUIRE_CUDA(cudaSetDevice(1));
    REQUIRE_CUDA(cudaDeviceSynchronize());
    EXPECT_EQ(to_host(there), expected_forward(x));
  }
  REQUIRE_CUDA(cudaSetDevice(0));
}

}  // namespace
}  // namespace rectify
