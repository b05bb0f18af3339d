// Guarded tensors and their comparison.
#include "tensor.hpp"

#include "harness.hpp"
#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

// Functions of AddressSanitizer's runtime, null in binaries without it.
extern "C" {
__attribute__((weak)) void __asan_poison_memory_region(const volatile void* at, std::size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* at, std::size_t bytes);
}

namespace rectify::test {
namespace {

constexpr std::size_t guard_bytes = 256;  // also keeps offsets counting from an aligned address
constexpr unsigned char guard = 0xa5;

std::size_t offset_bytes(DType dtype, const Placement& placement) {
  return static_cast<std::size_t>(placement.offset * std::max(bytes_per_element(dtype), 1));
}

bool on_host(Device device) { return &harness::tools(device) == &harness::cpu_tools(); }

void poison(const void* at, std::size_t bytes) {
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(at, bytes);
}

void unpoison(const void* at, std::size_t bytes) {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(at, bytes);
}

testing::AssertionResult different_bytes(const Bytes& got, const Bytes& expected) {
  if (got.size() != expected.size()) return testing::AssertionFailure() << "sizes differ";
  const auto at = std::mismatch(got.begin(), got.end(), expected.begin());
  return testing::AssertionFailure() << "byte " << at.first - got.begin() << ": expected " << static_cast<int>(*at.second)
                                     << ", got " << static_cast<int>(*at.first);
}

}  // namespace

std::string text_of(const Shape& shape) {
  std::string text;
  for (int axis = 0; axis < shape.rank(); ++axis) text += (axis > 0 ? " x " : "") + std::to_string(shape[axis]);
  return text;
}

Placement::Placement(const Shape& shape_, int offset_) : shape(shape_), offset(offset_) {
  const float* none = nullptr;
  strides = ConstTensorView(none, shape, Device::cpu()).strides();
}

std::int64_t Placement::span() const {
  std::int64_t last = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 0) return 0;
    last += (shape[axis] - 1) * strides[axis];
  }
  return last + 1;
}

std::size_t span_bytes(DType dtype, const Placement& placement) {
  return static_cast<std::size_t>((placement.span() * bits_per_element(dtype) + 7) / 8);
}

Tensor::Tensor(Device device, DType dtype, const Placement& placement, const Bytes& contents)
    : device_(device),
      dtype_(dtype),
      placement_(placement),
      begin_(guard_bytes + offset_bytes(dtype, placement)),
      bytes_(span_bytes(dtype, placement)),
      memory_(harness::tools(device).allocate(begin_ + bytes_ + guard_bytes)) {
  Bytes all(begin_ + bytes_ + guard_bytes, guard);
  EXPECT_EQ(contents.size(), bytes_);
  std::copy(contents.begin(), contents.end(), all.begin() + static_cast<std::ptrdiff_t>(begin_));
  harness::tools(device).upload(memory_.get(), all.data(), all.size());
  if (on_host(device)) {
    poison(memory_.get(), begin_);
    poison(static_cast<char*>(memory_.get()) + begin_ + bytes_, guard_bytes);
  }
}

Tensor::~Tensor() { unpoison(memory_.get(), begin_ + bytes_ + guard_bytes); }

TensorView Tensor::view() const {
  return TensorView(static_cast<char*>(memory_.get()) + begin_, dtype_, placement_.shape, device_).strided(placement_.strides);
}

Bytes Tensor::contents() const {
  Bytes all(bytes_);
  harness::tools(device_).download(all.data(), static_cast<char*>(memory_.get()) + begin_, bytes_);
  return all;
}

bool Tensor::guards_intact() const {
  unpoison(memory_.get(), begin_ + bytes_ + guard_bytes);
  Bytes all(begin_ + bytes_ + guard_bytes);
  harness::tools(device_).download(all.data(), memory_.get(), all.size());
  const auto payload = all.begin() + static_cast<std::ptrdiff_t>(begin_);
  const auto is_guard = [](unsigned char b) { return b == guard; };
  return std::all_of(all.begin(), payload, is_guard) &&
         std::all_of(payload + static_cast<std::ptrdiff_t>(bytes_), all.end(), is_guard);
}

TensorView host_view(Bytes& bytes, DType dtype, const Placement& placement) {
  return TensorView(bytes.data(), dtype, placement.shape, Device::cpu()).strided(placement.strides);
}

Bytes untouched(DType dtype, const Placement& placement) { return Bytes(span_bytes(dtype, placement), 0x5a); }

Bytes random_patterns(DType dtype, std::int64_t elements, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(static_cast<std::size_t>(elements * bytes_per_element(dtype)));
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(&bytes[i], &word, std::min<std::size_t>(8, bytes.size() - i));
  }
  return bytes;
}

testing::AssertionResult same_numbers(DType dtype, const Bytes& got, const Bytes& expected) {
  if (got == expected) return testing::AssertionSuccess();
  if (bytes_per_element(dtype) == 0) return different_bytes(got, expected);
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  for (std::size_t i = 0; i + size <= std::min(got.size(), expected.size()); i += size) {
    if (std::memcmp(&got[i], &expected[i], size) == 0) continue;
    const double g = reference::load(dtype, &got[i]), e = reference::load(dtype, &expected[i]);
    if (std::isnan(g) && std::isnan(e)) continue;
    std::ostringstream text;
    text.precision(17);
    text << name(dtype) << " element " << i / size << ": expected " << e << ", got " << g
         << (g == e ? " (signs of zero differ)" : "");
    return testing::AssertionFailure() << text.str();
  }
  if (got.size() != expected.size()) return testing::AssertionFailure() << "sizes differ";
  return testing::AssertionSuccess();
}

}  // namespace rectify::test
