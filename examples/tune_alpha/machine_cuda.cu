// cuBLAS, and one kernel for every function of a row and a column. Everything is on one stream, so only wait() waits.
#include "machine.hpp"

#include "harness.hpp"

#include <cublas_v2.h>
#include <cuda_runtime.h>

namespace tune {
namespace {

void require(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

void require(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(std::string("cuBLAS: ") + cublasGetStatusString(status));
}

std::shared_ptr<void> allocate(std::size_t bytes) {
  void* memory = nullptr;
  require(cudaMallocManaged(&memory, std::max<std::size_t>(bytes, 1)));
  return {memory, cudaFree};
}

void multiply(cublasHandle_t blas, const Gemm& g) {
  const float one = 1, zero = 0;
  const auto transpose = [](const Matrix& matrix) { return matrix.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  // cuBLAS is column-major: a * b in rows is b * a in columns.
  require(cublasSgemmStridedBatched(blas, transpose(g.b), transpose(g.a), static_cast<int>(g.n), static_cast<int>(g.m),
                                    static_cast<int>(g.k), &one, g.b.data, static_cast<int>(g.b.row_stride), g.b.stride,
                                    g.a.data, static_cast<int>(g.a.row_stride), g.a.stride, &zero, g.c,
                                    static_cast<int>(g.c_row_stride), g.c_stride, static_cast<int>(g.units)));
}

template <class Function>
__global__ void each_element_kernel(Function work) {
  for (std::int64_t row = blockIdx.y; row < work.rows; row += gridDim.y)
    for (std::int64_t col = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x; col < work.cols;
         col += static_cast<std::int64_t>(gridDim.x) * blockDim.x)
      work(row, col);
}

template <class Function>
void launch(const Function& work, cudaStream_t stream) {
  constexpr unsigned threads = 256;
  const dim3 blocks(static_cast<unsigned>(std::min<std::int64_t>((work.cols + threads - 1) / threads, 1024)),
                    static_cast<unsigned>(std::min<std::int64_t>(work.rows, 65535)));
  each_element_kernel<<<blocks, threads, 0, stream>>>(work);
  require(cudaGetLastError());
}

}  // namespace

/// The stream and the handle live as long as the program.
Machine cuda_machine() {
  cudaStream_t stream = nullptr;
  cublasHandle_t blas = nullptr;
  int version = 0;
  require(cudaStreamCreate(&stream));
  require(cublasCreate(&blas));
  require(cublasSetStream(blas, stream));
  require(cublasGetVersion(blas, &version));
  const rectify::Device device = rectify::Device::cuda(0);
  const std::string libraries = "cuBLAS " + std::to_string(version) + " on " + rectify::harness::tools(device).name();
  return {device,
          stream,
          libraries,
          allocate,
          [blas](const Gemm& gemm) { multiply(blas, gemm); },
          [stream](const Work& any) { std::visit([stream](const auto& work) { launch(work, stream); }, any); },
          [stream] { require(cudaStreamSynchronize(stream)); }};
}

}  // namespace tune
