// Inputs repeat a block of random numbers whose length is prime to every vector and tile; so the reference, which is slow, runs
// once over the block, and every element of a tensor of any size is still compared.
#include "cases.hpp"

#include "reference.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

namespace rectify::bench {
namespace {

using Bytes = std::vector<unsigned char>;
constexpr std::int64_t block_elements = 65537;

std::size_t size_of(DType dtype) { return static_cast<std::size_t>(bits_per_element(dtype) / 8); }

Bytes random_block(DType dtype, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 3);
  Bytes block(static_cast<std::size_t>(block_elements) * size_of(dtype));
  for (std::size_t at = 0; at < block.size(); at += size_of(dtype)) reference::store(dtype, &block[at], normal(random));
  return block;
}

/// `elements` of memory on the device.
class Tensor {
 public:
  Tensor(const Case& c) : tools_(harness::tools(c.device)), case_(c), memory_(tools_.allocate(bytes())) {}

  std::size_t bytes() const { return static_cast<std::size_t>(case_.elements) * size_of(case_.dtype); }
  void* data() const { return memory_.get(); }
  TensorView view() const { return TensorView(data(), case_.dtype, {case_.elements}, case_.device); }

  void fill(const Bytes& block) const {
    for_each_block(block.size(),
                   [&](std::size_t at, std::size_t n) { tools_.upload(static_cast<char*>(data()) + at, block.data(), n); });
  }
  bool holds(const Bytes& block) const {
    Bytes got(block.size());
    bool equal = true;
    for_each_block(block.size(), [&](std::size_t at, std::size_t n) {
      tools_.download(got.data(), static_cast<char*>(data()) + at, n);
      equal = equal && std::memcmp(got.data(), block.data(), n) == 0;
    });
    return equal;
  }

 private:
  void for_each_block(std::size_t block, const std::function<void(std::size_t, std::size_t)>& f) const {
    for (std::size_t at = 0; at < bytes(); at += block) f(at, std::min(block, bytes() - at));
  }

  const harness::Tools& tools_;
  const Case& case_;
  std::shared_ptr<void> memory_;
};

/// Calls a sample is made of: enough that the clock, and the launch of the events around it, do not count.
int calls_per_sample(const harness::Tools& tools, const std::function<void()>& call) {
  constexpr double sample_seconds = 1e-3;
  call();
  const double once = std::max(tools.seconds(call), 1e-7);
  return static_cast<int>(std::clamp(sample_seconds / once, 1.0, 1000.0));
}

std::function<void()> repeated(int times, const std::function<void()>& call) {
  return [=] {
    for (int i = 0; i < times; ++i) call();
  };
}

/// An op under the clock beside copies of the same bytes: whole tensors, and half of one where the count is odd.
Row timed(const Case& c, const std::function<void()>& call, const Tensor& from, const Tensor& to) {
  const harness::Tools& tools = harness::tools(c.device);
  const auto copy = [&] {
    for (int pairs = c.op.tensors / 2; pairs > 0; --pairs) tools.copy(to.data(), from.data(), from.bytes());
    if (c.op.tensors % 2 != 0) tools.copy(to.data(), from.data(), from.bytes() / 2);
  };
  const int calls = calls_per_sample(tools, call), copies = calls_per_sample(tools, copy);
  const harness::Paired seconds = harness::paired_seconds(tools, c.repetitions, repeated(calls, call), repeated(copies, copy));
  const auto bytes = static_cast<std::int64_t>(from.bytes()) * c.op.tensors;
  return {true, bytes, seconds.work / calls, seconds.baseline / copies};
}

TensorView host(Bytes& block, DType dtype) { return TensorView(block.data(), dtype, {block_elements}, Device::cpu()); }

}  // namespace

const std::vector<Op>& ops() {
  static const std::vector<Op> all{{"forward", 2}, {"backward", 3}};
  return all;
}

Row run(const Case& c) {
  Bytes x_block = random_block(c.dtype, 1), dy_block = random_block(c.dtype, 2), expected(x_block.size());
  const Tensor x(c), dy(c), out(c);
  x.fill(x_block);
  dy.fill(dy_block);
  out.fill(Bytes(x_block.size(), 0xff));  // NaN everywhere: an element not written shows
  std::function<void()> call;
  if (c.op.name == "forward") {
    reference::forward(c.relu, host(x_block, c.dtype), host(expected, c.dtype));
    call = [&] { forward(c.relu, x.view(), out.view()); };
  } else {
    reference::backward(c.relu, host(dy_block, c.dtype), host(x_block, c.dtype), host(expected, c.dtype));
    call = [&] { backward(c.relu, dy.view(), x.view(), out.view()); };
  }
  call();
  if (!out.holds(expected)) return {};
  return timed(c, call, x, out);
}

}  // namespace rectify::bench
