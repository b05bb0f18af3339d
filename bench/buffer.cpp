// Fills and compares the memory of operands. Values on the device are uploaded and downloaded in chunks of at most a block.
#include "buffer.hpp"

#include "harness.hpp"
#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace rectify::bench {
namespace {

/// f(offset, bytes) for each chunk of a line. The last one may be shorter.
template <class F>
void for_each_chunk(std::int64_t line_bytes, std::int64_t chunk_bytes, const F& f) {
  for (std::int64_t at = 0; at < line_bytes; at += chunk_bytes)
    f(at, static_cast<std::size_t>(std::min(chunk_bytes, line_bytes - at)));
}

/// A byte of a mask: random codes 0 and 1 (one bit each), or 0, 1 and 2 (two bits each).
unsigned char random_codes(std::mt19937& random, int bits) {
  std::uniform_int_distribution<unsigned> code(0, bits == 1 ? 1 : 2);
  unsigned byte = 0;
  for (int bit = 0; bit < 8; bit += bits) byte |= code(random) << bit;
  return static_cast<unsigned char>(byte);
}

/// Whether two numbers are at most `units` apart, in units of the last place of the larger one. Two NaN are.
bool is_near(double a, double b, DType dtype, int units) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b || std::isinf(a) || std::isinf(b)) return a == b;
  const double precision = precision_of(dtype);
  const double smallest_normal = dtype == DType::f64 ? 0x1p-1022 : dtype == DType::f16 ? 0x1p-14 : 0x1p-126;
  return std::fabs(a - b) <= units * precision * std::max({std::fabs(a), std::fabs(b), smallest_normal / precision});
}

}  // namespace

double precision_of(DType dtype) {
  return dtype == DType::f64 ? 0x1p-52 : dtype == DType::f32 ? 0x1p-23 : dtype == DType::f16 ? 0x1p-10 : 0x1p-7;
}

Memory Memory::of(Device device) {
  return {device, [&tools = harness::tools(device)](std::size_t bytes) { return tools.allocate(bytes); }};
}

Buffer::Buffer(DType dtype, std::int64_t lines, std::int64_t line_elements, const Memory& memory, std::int64_t offset)
    : dtype_(dtype),
      device_(memory.device),
      lines_(lines),
      line_bits_(line_elements * bits_per_element(dtype)),
      line_bytes_((line_bits_ + 7) / 8),
      memory_(memory.allocate(static_cast<std::size_t>(offset + lines * line_bytes_))),
      data_(static_cast<unsigned char*>(memory_.get()) + offset) {}

void Buffer::randomise(unsigned seed) const {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 3);
  const int bits = bits_per_element(dtype_), step = std::max(bits / 8, 1);
  for (unsigned char* at = line(0); at < line(lines_); at += step) {
    if (bits < 8) {
      *at = random_codes(random, bits);
    } else {
      reference::store(dtype_, at, normal(random));
    }
  }
}

void Buffer::repeat(const Buffer& block) const {
  for (std::int64_t i = 0; i < lines_; ++i) {
    for_each_chunk(line_bytes_, block.line_bytes_, [&](std::int64_t at, std::size_t bytes) {
      harness::tools(device_).upload(line(i) + at, block.line(i), bytes);
    });
  }
}

std::vector<double> Buffer::numbers() const {
  std::vector<unsigned char> bytes(static_cast<std::size_t>(line_bytes_));
  harness::tools(device_).download(bytes.data(), line(0), bytes.size());
  const std::size_t step = static_cast<std::size_t>(bits_per_element(dtype_)) / 8;
  std::vector<double> all;
  for (std::size_t at = 0; at < bytes.size(); at += step) all.push_back(reference::load(dtype_, &bytes[at]));
  return all;
}

void Buffer::fill(unsigned char byte) const {
  const std::vector<unsigned char> filled(std::size_t{256} << 10, byte);
  for_each_chunk(lines_ * line_bytes_, static_cast<std::int64_t>(filled.size()), [&](std::int64_t at, std::size_t bytes) {
    harness::tools(device_).upload(line(0) + at, filled.data(), bytes);
  });
}

void Buffer::spoil_gaps(std::int64_t row, std::int64_t gap) const {
  const std::int64_t bytes = bits_per_element(dtype_) / 8;
  for (unsigned char* at = line(0) + row * bytes; at < line(lines_); at += (row + gap) * bytes)
    std::memset(at, 0xff, static_cast<std::size_t>(gap * bytes));
}

std::int64_t Buffer::first_bit(const unsigned char* got, const unsigned char* want, std::size_t bytes, int tolerance) const {
  const unsigned char* at = std::mismatch(got, got + bytes, want).first;
  const int size = bits_per_element(dtype_) / 8;
  if (size > 0 && tolerance > 0) {
    const auto number = [&](const unsigned char* begin) { return reference::load(dtype_, begin); };
    for (at = got; at < got + bytes && is_near(number(at), number(want + (at - got)), dtype_, tolerance);) at += size;
  }
  if (at == got + bytes) return -1;
  return (at - got) * 8 + (size > 0 ? 0 : __builtin_ctz(static_cast<unsigned>(*at ^ want[at - got])));
}

std::int64_t Buffer::first_difference(const Buffer& block, int tolerance) const {
  const int past_the_last = static_cast<int>(line_bytes_ * 8 - line_bits_);
  std::int64_t first = -1;
  std::vector<unsigned char> got(static_cast<std::size_t>(block.line_bytes_));
  for (std::int64_t i = 0; i < lines_; ++i) {
    std::vector<unsigned char> want(block.line(i), block.line(i) + block.line_bytes_);
    for_each_chunk(line_bytes_, block.line_bytes_, [&](std::int64_t at, std::size_t bytes) {
      harness::tools(device_).download(got.data(), line(i) + at, bytes);
      if (at + static_cast<std::int64_t>(bytes) == line_bytes_)
        want[bytes - 1] &= static_cast<unsigned char>(0xff >> past_the_last);
      if (first >= 0 || std::memcmp(got.data(), want.data(), bytes) == 0) return;
      const std::int64_t bit = first_bit(got.data(), want.data(), bytes, tolerance);
      if (bit >= 0) first = ((i * line_bytes_ + at) * 8 + bit) / bits_per_element(dtype_);
    });
  }
  return first;
}

}  // namespace rectify::bench
