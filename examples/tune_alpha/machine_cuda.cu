// cuBLAS, one kernel for all of work.hpp, and CUDA graphs. Everything is on one stream, so nothing waits but wait().
#include "machine.hpp"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <stdexcept>

namespace tune {
namespace {

void require(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

void require(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(std::string("cuBLAS: ") + cublasGetStatusString(status));
}

template <class Work>
__global__ void each_element_kernel(Work work, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t row = blockIdx.y; row < rows; row += gridDim.y)
    for (std::int64_t col = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x; col < cols;
         col += static_cast<std::int64_t>(gridDim.x) * blockDim.x)
      work(row, col);
}

/// A step that was captured.
class Graph {
 public:
  Graph(cudaStream_t stream, const std::function<void()>& step) {
    cudaGraph_t graph = nullptr;
    require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    try {
      step();
    } catch (...) {
      cudaStreamEndCapture(stream, &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      throw;
    }
    require(cudaStreamEndCapture(stream, &graph));
    const cudaError_t error = cudaGraphInstantiate(&replay_, graph, 0);
    cudaGraphDestroy(graph);
    require(error);
  }
  ~Graph() { cudaGraphExecDestroy(replay_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const { require(cudaGraphLaunch(replay_, stream)); }

 private:
  cudaGraphExec_t replay_ = nullptr;
};

class Cuda : public Machine {
 public:
  Cuda() {
    require(cudaStreamCreate(&stream_));
    require(cublasCreate(&blas_));
    require(cublasSetStream(blas_, stream_));
    // Its own memory, so that it allocates nothing in a capture and gives the same bits in every run.
    constexpr std::int64_t bytes = 32 << 20;
    workspace_ = Buffer<unsigned char>(*this, bytes);
    require(cublasSetWorkspace(blas_, workspace_.data(), bytes));
  }
  ~Cuda() override {
    cublasDestroy(blas_);
    cudaStreamDestroy(stream_);
  }

  rectify::Device device() const override { return rectify::Device::cuda(0); }
  rectify::Stream stream() const override { return stream_; }
  std::string libraries() const override {
    int version = 0;
    require(cublasGetVersion(blas_, &version));
    return "cuBLAS " + std::to_string(version) + " on " + rectify::harness::tools(device()).name();
  }

  void run(const Gemm& g) override {
    const float one = 1, zero = 0;
    const auto transpose = [](const Matrix& matrix) { return matrix.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
    // cuBLAS counts columns first, and what is a * b by rows is b * a by columns.
    require(cublasSgemmStridedBatched(blas_, transpose(g.b), transpose(g.a), static_cast<int>(g.n), static_cast<int>(g.m),
                                      static_cast<int>(g.k), &one, g.b.data, static_cast<int>(g.b.row_stride), g.b.stride,
                                      g.a.data, static_cast<int>(g.a.row_stride), g.a.stride, &zero, g.c,
                                      static_cast<int>(g.c_row_stride), g.c_stride, static_cast<int>(g.units)));
  }
  void run(const Gather& work) override { launch(work); }
  void run(const SoftmaxCrossEntropy& work) override { launch(work); }
  void run(const Tally& work) override { launch(work); }
  void run(const TieAlphas& work) override { launch(work); }
  void run(const Descend& work) override { launch(work); }
  void run(const Advance& work) override { launch(work); }

  /// The first call runs the step as it is, because the first use of a kernel may load its module; the second captures it.
  std::function<void()> repeatable(std::function<void()> step) override {
    return [this, step = std::move(step), calls = 0, graph = std::shared_ptr<Graph>()]() mutable {
      if (calls++ == 0) return step();
      if (graph == nullptr) graph = std::make_shared<Graph>(stream_, step);
      graph->launch(stream_);
    };
  }
  void wait() override { require(cudaStreamSynchronize(stream_)); }

 private:
  template <class Work>
  void launch(const Work& work) {
    const std::int64_t rows = work.rows(), cols = work.cols();
    const unsigned threads = 256;
    const dim3 blocks(static_cast<unsigned>(std::min<std::int64_t>((cols + threads - 1) / threads, 1024)),
                      static_cast<unsigned>(std::min<std::int64_t>(rows, 65535)));
    each_element_kernel<<<blocks, threads, 0, stream_>>>(work, rows, cols);
    require(cudaGetLastError());
  }

  cudaStream_t stream_ = nullptr;
  cublasHandle_t blas_ = nullptr;
  Buffer<unsigned char> workspace_;
};

}  // namespace

std::unique_ptr<Machine> cuda_machine() { return std::make_unique<Cuda>(); }

}  // namespace tune
