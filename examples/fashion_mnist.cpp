// Runs four rectifiers forward and backward on 60,000 real images, in f32 and bf16, on the GPU if there is one. It checks that
// every bit equals the reference's and that Keras's relu(alpha=0.3) and leaky_relu(0.3) are the same function, and compares the
// times with those of the fastest copy. Exit status: 0; 1 if something failed; 2 for a wrong command line; 128 + the number of
// the signal that ended the run early.
#include "idx.hpp"

#include "ceiling.hpp"
#include "harness.hpp"
#include "process.hpp"
#include "reference.hpp"
#include "timing.hpp"

#include <rectify/rectify.hpp>

#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
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
                              {"Keras relu(0.1, 0.75, 0.25)", presets::keras::relu(0.1, 0.75, 0.25)}};

float centred(unsigned char pixel) { return static_cast<float>(pixel) / 127.5f - 1.0f; }

/// Pixels from 0 to 255, mapped to [-1, 1].
Bytes centred(const std::vector<unsigned char>& pixels, DType dtype) {
  const auto size = static_cast<std::size_t>(bits_per_element(dtype) / 8);
  Bytes levels(256 * size), x(pixels.size() * size);
  for (std::size_t p = 0; p < 256; ++p) reference::store(dtype, &levels[p * size], centred(static_cast<unsigned char>(p)));
  for (std::size_t i = 0; i < pixels.size(); ++i) std::memcpy(&x[i * size], &levels[pixels[i] * size], size);
  return x;
}

/// The gradient of each image is the next image: values of both signs that differ from x.
Bytes next_image(Bytes x, std::int64_t images) {
  std::rotate(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size()) / images, x.end());
  return x;
}

/// By a signal, or because nothing can be printed any more.
bool ended() { return harness::ending_signal() != 0 || std::ferror(stdout) != 0; }

/// A tensor on the device, and what it holds or should hold.
struct Tensor {
  Tensor(Device device, DType dtype, Shape shape, Bytes contents)
      : expected(std::move(contents)),
        memory(harness::tools(device).allocate(expected.size())),
        on_host(expected.data(), dtype, shape, Device::cpu()),
        on_device(memory.get(), dtype, shape, device) {
    harness::tools(device).upload(memory.get(), expected.data(), expected.size());
  }
  Bytes download() const {
    Bytes contents(expected.size());
    harness::tools(on_device.device()).download(contents.data(), memory.get(), contents.size());
    return contents;
  }
  harness::Stream stream(bool is_written) const { return {memory.get(), expected.size(), is_written}; }

  Bytes expected;
  std::shared_ptr<void> memory;
  TensorView on_host, on_device;
};

struct Outcome {
  Bytes y, dx;
};

class Demo {
 public:
  Demo(Device device, DType dtype, const idx::Images& images)
      : device_(device), dtype_(dtype), images_(images), x_(tensor(centred(images.pixels, dtype))) {}

  /// Checks, times and prints one function. Returns false if a bit is wrong.
  bool run(const Function& f, Outcome& outcome) {
    const auto forwards = [&](void* s) { forward(f.relu, x_.on_device, y_.on_device, static_cast<CUstream_st*>(s)); };
    const auto backwards = [&](void* s) {
      backward(f.relu, dy_.on_device, x_.on_device, dx_.on_device, static_cast<CUstream_st*>(s));
    };
    if (solved_ == nullptr || !(solved_->relu == f.relu)) {  // the reference is slow
      reference::forward(f.relu, x_.on_host, y_.on_host);
      reference::backward(f.relu, dy_.on_host, x_.on_host, dx_.on_host);
      solved_ = &f;
    }
    forwards(nullptr);
    backwards(nullptr);
    outcome = {y_.download(), dx_.download()};
    const bool right = outcome.y == y_.expected, back_right = outcome.dx == dx_.expected;
    time(f.name, "forward", right, forwards, {x_.stream(false), y_.stream(true)});
    time(f.name, "backward", back_right, backwards, {dy_.stream(false), x_.stream(false), dx_.stream(true)});
    return right && back_right;
  }

 private:
  Tensor tensor(Bytes contents) const {
    return Tensor(device_, dtype_, {images_.count, images_.rows * images_.cols}, std::move(contents));
  }

  harness::Contender contender(const harness::Work& work) const {
    return {"", [watch = harness::stopwatch(device_, work, false)](int) { return watch(); }, {}, /*most_calls*/ 1};
  }

  /// In turn with copies of the same bytes between the same tensors.
  void time(const char* name, const char* direction, bool right, const harness::Work& work,
            const std::vector<harness::Stream>& streams) {
    std::vector<harness::Contender> copies, all{contender(work)};
    for (const harness::Mover& mover : harness::movers(device_, streams))
      copies.push_back(contender([&streams, move = mover.move](void* stream) { move(streams, stream); }));
    std::vector<std::size_t>& best = fastest_[direction];  // of the copies; the same for all functions
    if (best.empty()) best = harness::fastest(copies, 2, ended);
    for (const std::size_t index : best) all.push_back(copies[index]);
    harness::Rules rules;
    rules.samples = rules.most_samples = repetitions;
    const std::vector<harness::Samples> samples = harness::sample_in_turns(all, rules, ended);
    if (ended()) return;
    double copy = samples[1].median(), bytes = 0;
    for (std::size_t i = 2; i < samples.size(); ++i) copy = std::min(copy, samples[i].median());
    for (const harness::Stream& stream : streams) bytes += static_cast<double>(stream.bytes);
    const double seconds = samples[0].median(), share = copy / seconds, spread = samples[0].spread();
    std::printf("%-27s %-4s %-8s %7.3f %5.0f%%%c %6.1f %6.0f%%%c %s\n", name, harness::name(dtype_).c_str(), direction,
                seconds * 1e3, spread * 100, spread > harness::noisy_spread ? '~' : ' ', bytes / seconds / 1e9, share * 100,
                share > harness::ceiling_fault ? '!' : ' ', right ? "equal" : "WRONG");
    std::fflush(stdout);
  }

  Device device_;
  DType dtype_;
  const idx::Images& images_;
  Tensor x_, dy_{tensor(next_image(x_.expected, images_.count))}, y_{tensor(Bytes(x_.expected.size()))},
      dx_{tensor(y_.expected)};
  std::map<std::string, std::vector<std::size_t>> fastest_;
  const Function* solved_ = nullptr;  ///< whose results y_ and dx_ should hold
};

constexpr std::size_t tensors_in_memory = 12;  // four of Demo on the host and on the device, and four of two outcomes

/// Leaves out the last images if the tensors of all would take more than three quarters of the free memory, and says so.
void fit_into_memory(idx::Images& images, Device device) {
  const auto pixels = static_cast<std::size_t>(images.rows * images.cols), each = tensors_in_memory * pixels * sizeof(float);
  const auto free = std::min(harness::cpu_tools().free_bytes(), harness::tools(device).free_bytes());
  const auto fitting = static_cast<std::int64_t>(free / 4 * 3 / each);
  if (fitting >= images.count) return;
  if (fitting == 0) throw std::runtime_error("out of memory: an image needs " + std::to_string(each) + " bytes");
  std::printf("Memory suffices for the first %ld of %ld images.\n", long{fitting}, long{images.count});
  images.count = fitting;
  images.pixels.resize(static_cast<std::size_t>(fitting) * pixels);
}

void print_header(const idx::Images& images, Device device) {
  const auto negative = std::count_if(images.pixels.begin(), images.pixels.end(), [](auto p) { return centred(p) < 0; });
  const double share = static_cast<double>(negative) / static_cast<double>(images.pixels.size());
  std::printf("%ld images of %ld x %ld pixels, centred to [-1, 1]; %.1f %% are negative\n", long{images.count},
              long{images.rows}, long{images.cols}, share * 100);
  std::printf("%s\n", harness::tools(device).name().c_str());
  std::printf("threads: %d, CPUs: %d; medians of %d samples\n\n", omp_get_max_threads(), omp_get_num_procs(), repetitions);
  std::puts("function                    type direction     ms spread    GB/s ceiling  bits");
  std::fflush(stdout);
}

void print_notes(const std::string& same) {
  std::printf("\nDoes relu(alpha=0.3) equal leaky_relu(0.3) bit for bit?%s\n", same.c_str());
  std::puts(
      "spread: (p90 - p10) / median; ~: others used the machine. GB/s: 10^9 bytes\n"
      "ceiling: of the speed of the fastest copy of as many bytes, timed in turn;\n"
      "!: faster than the copy, so measured wrongly. bits: against the reference");
}

/// `context` comes before the message of an error.
int run(const std::string& file, std::string& context) {
  idx::Images images = idx::read_images(file);
  harness::watch_signals();
  const Device device = harness::best_device();
  fit_into_memory(images, device);
  print_header(images, device);
  bool right = true;
  std::string same;
  for (DType dtype : {DType::f32, DType::bf16}) {
    const std::size_t bytes = images.pixels.size() * static_cast<std::size_t>(bits_per_element(dtype)) / 8;
    context = harness::name(dtype) + " needs " + std::to_string(tensors_in_memory * bytes / 1000000) + " MB: ";
    Demo demo(device, dtype, images);
    Outcome first, other;
    for (const Function& f : functions) {
      if (ended()) break;
      right = demo.run(f, &f == functions ? first : other) && right;
      if (&f != functions + 1 || ended()) continue;
      const bool equal = first.y == other.y && first.dx == other.dx;
      same += (same.empty() ? " " : ", ") + harness::name(dtype) + (equal ? ": yes" : ": NO");
      right = right && equal;
    }
  }
  context.clear();
  const int signal = harness::ending_signal();
  if (signal == 0) print_notes(same);
  if (signal != 0) harness::report_failure("fashion_mnist", "ended early, so rows are missing", 128 + signal);
  return !right ? 1 : signal != 0 ? 128 + signal : 0;
}

}  // namespace

int main(int argc, char** argv) {
  harness::begin_program(argv);
  const std::string argument = argc > 1 ? argv[1] : default_file;
  const bool help = argument == "-h" || argument == "--help";
  if (help || argc > 2 || argument[0] == '-') {
    std::fprintf(help ? stdout : stderr,
                 "usage: fashion_mnist [IMAGES]\nIMAGES: an IDX file, which may be gzipped; default:\n  %s\n", default_file);
    return harness::status_after_printing("fashion_mnist", help ? 0 : 2);
  }
  int status = 0;
  std::string context;
  try {
    status = run(argument, context);
  } catch (const std::bad_alloc&) {
    status = harness::report_failure("fashion_mnist", context + "out of memory", 1);
  } catch (const std::exception& error) {
    status = harness::report_failure("fashion_mnist", context + error.what(), 1);
    if (argc == 1 && !std::filesystem::exists(default_file))
      std::fprintf(stderr, "The Debian package dataset-fashion-mnist contains the images.\n");
  }
  return harness::status_after_printing("fashion_mnist", status);
}
