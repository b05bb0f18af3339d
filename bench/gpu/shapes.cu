// Measures views that are not contiguous or not aligned (run_shapes), and calls so small that their cost is that of the launch
// (run_host).
#include "shapes.hpp"

#include "ceilings.hpp"
#include "units.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace rectify::gpu_bench {
namespace {

const Relu leaky = presets::torch::leaky_relu();
const Device gpu = Device::cuda(0);

struct Type {
  const char* name;
  DType dtype;
  std::int64_t bytes;
};
constexpr Type types[] = {{"f32", DType::f32, 4}, {"bf16", DType::bf16, 2}};

/// The shape and strides of all tensors of a call.
struct Views {
  std::string name;
  Shape shape;
  Strides strides;
  std::int64_t offset;  ///< of x alone, in elements
};

TensorView strided_view(const Type& type, const Views& views, const Buffer& buffer, std::int64_t offset = 0) {
  char* const data = static_cast<char*>(buffer.data()) + offset * type.bytes;
  return TensorView(data, type.dtype, views.shape, gpu).strided(views.strides);
}

/// The call that is checked and timed.
void call(const Type& type, const Views& views, const Tensors& tensors, bool backwards, cudaStream_t stream) {
  const TensorView x = strided_view(type, views, tensors.a[0], views.offset), out = strided_view(type, views, tensors.y[0]);
  if (backwards) {
    backward(leaky, strided_view(type, views, tensors.b[0]), x, out, stream);
  } else {
    forward(leaky, x, out, stream);
  }
}

std::int64_t elements_of(const Shape& shape) {
  std::int64_t all = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) all *= shape[axis];
  return all;
}

/// Compares the call's result, gathered into a dense tensor, with the result for dense tensors of the same values.
std::string check(const Type& type, const Views& views, const Tensors& tensors, bool backwards) {
  const std::int64_t elements = elements_of(views.shape);
  const Buffer x(static_cast<std::size_t>(elements * type.bytes)), dy(x.bytes());
  Buffer expected(x.bytes()), got(x.bytes());
  const auto at = [&](const Buffer& buffer) { return TensorView(buffer.data(), type.dtype, views.shape, gpu); };
  const Relu identity{1, 0};  // forward of it copies, because value(x) is x on both sides of 0
  forward(identity, strided_view(type, views, tensors.a[0], views.offset), at(x));
  if (backwards) {
    forward(identity, strided_view(type, views, tensors.b[0]), at(dy));
    backward(leaky, at(dy), at(x), at(expected));
  } else {
    forward(leaky, at(x), at(expected));
  }
  call(type, views, tensors, backwards, nullptr);
  forward(identity, strided_view(type, views, tensors.y[0]), at(got));
  RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
  const std::uint64_t wrong = got.differing_words(expected, static_cast<std::size_t>(elements * type.bytes / 4 * 4));
  return wrong == 0 ? "" : std::to_string(wrong) + " words differ from those of dense tensors";
}

void run_views(const Type& type, const Views& views) {
  const std::int64_t elements = elements_of(views.shape);
  std::int64_t span = views.offset + 1;
  for (int axis = 0; axis < views.shape.rank(); ++axis) span += (views.shape[axis] - 1) * views.strides[axis];
  const std::int64_t bytes = (span * type.bytes + 15) / 16 * 16;
  const Tensors tensors(bytes, 1, type.name), dense(elements * type.bytes / 16 * 16, 1, type.name);
  std::vector<Contender> all = ceilings(dense, true, "shapes");
  for (const bool backwards : {false, true}) {
    Label label{"shapes",
                backwards ? "backward" : "forward",
                "rectify",
                type.name,
                views.name,
                elements * type.bytes,
                static_cast<double>(elements * type.bytes) * (backwards ? 3 : 2),
                backwards ? "add" : "copy"};
    const std::string failed = check(type, views, tensors, backwards);
    all.push_back({label, [=, &tensors](cudaStream_t stream, int) { call(type, views, tensors, backwards, stream); }, failed});
  }
  measure(all, {Mode::cold, 1, 9});
}

__global__ void empty_kernel() {}

/// The host's time for an asynchronous call: the median over batches, which are too short to fill the launch queue.
template <class F>
double host_microseconds(const F& call) {
  constexpr int batch = 100, batches = 41;
  std::vector<double> all;
  for (int b = 0; b < batches; ++b) {
    RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < batch; ++i) call();
    all.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / batch);
  }
  std::nth_element(all.begin(), all.begin() + batches / 2, all.end());
  return all[batches / 2];
}

}  // namespace

void run_shapes(std::int64_t bytes) {
  for (const Type& type : types) {
    const std::int64_t n = bytes / type.bytes;
    run_views(type, {"flat", {n}, {1}, 0});
    run_views(type, {"x one element past a boundary", {n}, {1}, 1});
    run_views(type, {"pitched, [n, 500 of 512]", {n / 512, 500}, {512, 1}, 0});
    run_views(type, {"pitched, [n, 1001 of 1024]", {n / 1024, 1001}, {1024, 1}, 0});
    run_views(type, {"half of the channels, [n, 32 of 64, 784]", {n / (64 * 784), 32, 784}, {64 * 784, 784, 1}, 0});
    run_views(type, {"every other element", {n / 2}, {2}, 0});
  }
}

void run_host() {
  Buffer x(1 << 20), y(1 << 20), dbias(4096);
  x.randomise("f32", 1);
  const TensorView from(x.data(), DType::f32, {64, 1024}, gpu), to(y.data(), DType::f32, {64, 1024}, gpu);
  Backward sums;
  sums.dy = sums.x = from;
  sums.dx = to;
  sums.dbias = TensorView(dbias.data(), DType::f32, {1024}, gpu);
  const Buffer workspace(std::max<std::size_t>(workspace_bytes(leaky, sums), 16));
  sums.workspace = {workspace.data(), workspace.bytes()};
  const auto told = [](const char* op, const char* who, double us) {
    print_time({"host", op, who, "f32", "[64, 1024]"}, "host", us);
  };
  told("launch", "empty kernel, <<<>>>", host_microseconds([] { empty_kernel<<<1, 256>>>(); }));
  told("launch", "cudaMemcpyAsync", host_microseconds([&] {
         RECTIFY_REQUIRE_CUDA(cudaMemcpyAsync(y.data(), x.data(), 1 << 18, cudaMemcpyDeviceToDevice));
       }));
  told("forward", "rectify", host_microseconds([&] { forward(leaky, from, to); }));
  told("backward", "rectify", host_microseconds([&] { backward(leaky, from, from, to); }));
  told("backward_dbias", "rectify", host_microseconds([&] { backward(leaky, sums); }));
  const Run run{Mode::hot, 1, 15, 0.3};
  Label node{"host", "", "", "f32", "[64, 1024]"};
  node.has_result = false;
  const auto contender = [&](const char* op, const char* who, auto call) {
    Label label = node;
    label.op = op;
    label.who = who;
    return Contender{label, [=](cudaStream_t stream, int) { call(stream); }};
  };
  measure({contender("graph node", "empty kernel", [](cudaStream_t stream) { empty_kernel<<<1, 256, 0, stream>>>(); }),
           contender("graph node, forward", "rectify", [=](cudaStream_t stream) { forward(leaky, from, to, stream); }),
           contender("graph node, backward", "rectify", [=](cudaStream_t stream) { backward(leaky, from, from, to, stream); }),
           contender("graph node, backward_dbias", "rectify", [=](cudaStream_t stream) { backward(leaky, sums, stream); })},
          run);
}

}  // namespace rectify::gpu_bench
