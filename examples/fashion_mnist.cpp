// Runs four rectifiers forward and backward on 60,000 real images, in f32 and bf16, on the GPU if there is one. It checks that
// every bit equals the reference's and that Keras's relu(alpha=0.3) and leaky_relu(0.3) are the same function, and compares the
// times with those of a plain copy.
#include "idx.hpp"

#include "harness.hpp"
#include "reference.hpp"

#include <rectify/rectify.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace rectify;
using Bytes = std::vector<unsigned char>;

constexpr const char* default_file = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";
constexpr int repetitions = 9;

struct Function {
  const char* name;
  Relu relu;
};
const Function functions[] = {{"Keras relu(alpha=0.3)", presets::keras::relu(0.3)},
                              {"Keras leaky_relu(0.3)", presets::keras::leaky_relu(0.3)},
                              {"PyTorch leaky_relu()", presets::torch::leaky_relu()},
                              {"relu(0.1, max 0.75, threshold 0.25)", presets::keras::relu(0.1, 0.75, 0.25)}};

/// Shows a line on stderr, which the next call overwrites. Does nothing unless stderr is a terminal.
void progress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

/// Pixels from 0 to 255, mapped to [-1, 1].
Bytes centred(const std::vector<unsigned char>& pixels, DType dtype) {
  const auto size = static_cast<std::size_t>(bits_per_element(dtype) / 8);
  Bytes levels(256 * size), x(pixels.size() * size);
  for (std::size_t p = 0; p < 256; ++p)
    reference::store(dtype, &levels[p * size], static_cast<double>(static_cast<float>(p) / 127.5f - 1.0f));
  for (std::size_t i = 0; i < pixels.size(); ++i) std::memcpy(&x[i * size], &levels[pixels[i] * size], size);
  return x;
}

/// The gradient of each image is the next image: values of both signs that differ from x.
Bytes next_image(Bytes x, std::int64_t images) {
  std::rotate(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size()) / images, x.end());
  return x;
}

/// The memory of a tensor on the device.
class Buffer {
 public:
  Buffer(const harness::Tools& tools, std::size_t bytes) : tools_(tools), bytes_(bytes), memory_(tools.allocate(bytes)) {}
  Buffer(const harness::Tools& tools, const Bytes& contents) : Buffer(tools, contents.size()) {
    tools.upload(memory_.get(), contents.data(), bytes_);
  }

  void* data() const { return memory_.get(); }
  void download(Bytes& into) const {
    into.resize(bytes_);
    tools_.download(into.data(), memory_.get(), bytes_);
  }

 private:
  const harness::Tools& tools_;
  std::size_t bytes_;
  std::shared_ptr<void> memory_;
};

struct Outcome {
  Bytes y, dx;
};

class Demo {
 public:
  Demo(const harness::Tools& tools, Device device, DType dtype, const idx::Images& images)
      : tools_(tools),
        device_(device),
        dtype_(dtype),
        shape_{images.count, images.rows * images.cols},
        host_x_(centred(images.pixels, dtype)),
        host_dy_(next_image(host_x_, images.count)) {}

  /// Checks, measures and prints one function. Returns false if a bit differs from the reference.
  bool run(const Function& f, Outcome& outcome) {
    progress(std::string(f.name) + ": reference");
    expect(f.relu);
    progress(std::string(f.name) + ": measuring");
    const auto copy = [&] { tools_.copy(y_.data(), x_.data(), bytes()); };
    const auto copy_and_a_half = [&] {
      copy();
      tools_.copy(dx_.data(), dy_.data(), bytes() / 2);
    };
    const auto forwards = [&] { forward(f.relu, on_device(x_), on_device(y_)); };
    const auto backwards = [&] { backward(f.relu, on_device(dy_), on_device(x_), on_device(dx_)); };
    const harness::Paired forward_time = harness::paired_seconds(tools_, repetitions, forwards, copy);
    const harness::Paired backward_time = harness::paired_seconds(tools_, repetitions, backwards, copy_and_a_half);
    forwards();
    backwards();
    y_.download(outcome.y);
    dx_.download(outcome.dx);
    progress("");
    print(f, "forward", 2 * bytes(), forward_time, outcome.y == expected_.y);
    print(f, "backward", 3 * bytes(), backward_time, outcome.dx == expected_.dx);
    return outcome.y == expected_.y && outcome.dx == expected_.dx;
  }

 private:
  std::size_t bytes() const { return host_x_.size(); }
  TensorView host(Bytes& memory) const { return TensorView(memory.data(), dtype_, shape_, Device::cpu()); }
  TensorView on_device(const Buffer& buffer) const { return TensorView(buffer.data(), dtype_, shape_, device_); }

  /// Computes the reference, unless the function is the same as the one before: the reference is slow.
  void expect(const Relu& relu) {
    if (relu == expected_of_ && !expected_.y.empty()) return;
    expected_of_ = relu;
    expected_.y.resize(bytes());
    expected_.dx.resize(bytes());
    reference::forward(relu, host(host_x_), host(expected_.y));
    reference::backward(relu, host(host_dy_), host(host_x_), host(expected_.dx));
  }

  void print(const Function& f, const char* direction, std::size_t moved, harness::Paired seconds, bool equal) const {
    std::printf("%-36s %-5s %-9s %8.2f %8.1f %11.2f   %s\n", f.name, dtype_ == DType::f32 ? "f32" : "bf16", direction,
                seconds.work * 1e3, static_cast<double>(moved) / seconds.work / 1e9, seconds.baseline / seconds.work,
                equal ? "every bit equal" : "DIFFERS");
    std::fflush(stdout);
  }

  const harness::Tools& tools_;
  Device device_;
  DType dtype_;
  Shape shape_;
  Bytes host_x_, host_dy_;
  Outcome expected_;
  Relu expected_of_;
  Buffer x_{tools_, host_x_}, dy_{tools_, host_dy_}, y_{tools_, host_x_.size()}, dx_{tools_, host_x_.size()};
};

int run(const std::string& file) {
  progress("reading " + file);
  const idx::Images images = idx::read_images(file);
  progress("");
  const Device device = harness::best_device();
  std::printf("%lld images of %lld x %lld pixels, centred to [-1, 1], on %s\n", static_cast<long long>(images.count),
              static_cast<long long>(images.rows), static_cast<long long>(images.cols), harness::tools(device).name().c_str());
  const auto negative = std::count_if(images.pixels.begin(), images.pixels.end(),
                                      [](unsigned char p) { return static_cast<float>(p) / 127.5f - 1.0f < 0; });
  std::printf("%.1f %% of the inputs are negative\n\n",
              100.0 * static_cast<double>(negative) / static_cast<double>(images.pixels.size()));
  std::printf("%-36s %-5s %-9s %8s %8s %11s   %s\n", "function", "dtype", "direction", "ms", "GB/s", "of a copy",
              "against the reference");
  bool right = true;
  std::string identical;
  for (DType dtype : {DType::f32, DType::bf16}) {
    Demo demo(harness::tools(device), device, dtype, images);
    Outcome first, second, other;
    right = demo.run(functions[0], first) && right;
    right = demo.run(functions[1], second) && right;
    const bool same = first.y == second.y && first.dx == second.dx;
    right = right && same;
    identical += std::string(dtype == DType::f32 ? "f32: " : ", bf16: ") + (same ? "yes" : "NO");
    for (const Function* f = functions + 2; f != std::end(functions); ++f) right = demo.run(*f, other) && right;
  }
  std::printf("\nIs relu(alpha=0.3) the same as leaky_relu(0.3), bit for bit?  %s\n", identical.c_str());
  std::printf("The copy moves as many bytes, and its samples alternate with the function's. Times are medians of %d samples.\n",
              repetitions);
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
    std::fprintf(stderr, "usage: %s [IMAGES]\nIMAGES: an IDX file, which may be gzipped; default: %s\n", argv[0], default_file);
    return 2;
  }
  try {
    return run(argc == 2 ? argv[1] : default_file);
  } catch (const std::exception& error) {
    progress("");
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    if (argc == 1) std::fprintf(stderr, "The Debian package dataset-fashion-mnist contains the images.\n");
    return 1;
  }
}
