// Durations on a GPU, between two events on a stream that does not wait for the default stream.
#include "devices.hpp"
#include "gpu/require_cuda.hpp"

#include <chrono>
#include <memory>

namespace rectify::harness {
namespace {

/// A stream and two events of the current device; made once, because creating them takes longer than a small call.
struct Clock {
  cudaStream_t stream = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;

  Clock() {
    RECTIFY_REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    RECTIFY_REQUIRE_CUDA(cudaEventCreate(&begin));
    RECTIFY_REQUIRE_CUDA(cudaEventCreate(&end));
  }

  Duration duration_of(const std::function<void()>& queue) const {
    RECTIFY_REQUIRE_CUDA(cudaEventRecord(begin, stream));
    const auto start = std::chrono::steady_clock::now();
    queue();
    const double host = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    RECTIFY_REQUIRE_CUDA(cudaEventRecord(end, stream));
    RECTIFY_REQUIRE_CUDA(cudaEventSynchronize(end));
    float milliseconds = 0;
    RECTIFY_REQUIRE_CUDA(cudaEventElapsedTime(&milliseconds, begin, end));
    return {milliseconds / 1e3, host};
  }
};

/// Never destroyed: the CUDA runtime may have shut down by then.
const Clock& the_clock() {
  static const auto& clock = *new Clock;
  return clock;
}

std::shared_ptr<CUgraphExec_st> captured(const Work& work, cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  RECTIFY_REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  try {
    work(stream);
  } catch (...) {  // ends the capture, or every later call would fail
    cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  RECTIFY_REQUIRE_CUDA(cudaStreamEndCapture(stream, &graph));
  const cudaError_t error = cudaGraphInstantiate(&replay, graph, 0);
  cudaGraphDestroy(graph);
  RECTIFY_REQUIRE_CUDA(error);
  return {replay, [](cudaGraphExec_t made) { cudaGraphExecDestroy(made); }};
}

}  // namespace

std::function<Duration()> cuda_stopwatch(const Work& work, bool as_graph) {
  const Clock& clock = the_clock();
  if (!as_graph) return [=, &clock] { return clock.duration_of([&] { work(clock.stream); }); };
  const auto graph = captured(work, clock.stream);
  return [=, &clock] { return clock.duration_of([&] { RECTIFY_REQUIRE_CUDA(cudaGraphLaunch(graph.get(), clock.stream)); }); };
}

}  // namespace rectify::harness
