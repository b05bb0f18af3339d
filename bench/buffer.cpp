// Fills and compares the memory of operands. Values on the device are uploaded and downloaded in chunks of at most a block.
#include "buffer.hpp"

#include "harness.hpp"
#include "reference.hpp"

#include <algorithm>
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

/// The index of the first bit at which two arrays, which are not equal, differ.
std::int64_t first_bit(const unsigned char* a, const unsigned char* b, std::size_t bytes) {
  const std::int64_t at = std::mismatch(a, a + bytes, b).first - a;
  return at * 8 + __builtin_ctz(static_cast<unsigned>(a[at] ^ b[at]));
}

}  // namespace

std::shared_ptr<void> Memory::take(std::size_t bytes, Use use) {
  for (Piece& piece : pieces_) {
    if (piece.taken || piece.bytes != bytes || piece.use != use) continue;
    piece.taken = true;
    return piece.data;
  }
  pieces_.push_back({harness::tools(device_).allocate(bytes), bytes, use, true});
  return pieces_.back().data;
}

void Memory::rewind() {
  for (Piece& piece : pieces_) piece.taken = false;
}

Buffer::Buffer(DType dtype, std::int64_t lines, std::int64_t line_elements, Memory& memory, Memory::Use use)
    : dtype_(dtype),
      device_(memory.device()),
      lines_(lines),
      line_bits_(line_elements * bits_per_element(dtype)),
      line_bytes_((line_bits_ + 7) / 8),
      data_(memory.take(static_cast<std::size_t>(lines * line_bytes_), use)) {}

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

std::int64_t Buffer::first_difference(const Buffer& block) const {
  const int bits = bits_per_element(dtype_), past_the_last = static_cast<int>(line_bytes_ * 8 - line_bits_);
  std::int64_t first = -1;
  std::vector<unsigned char> got(static_cast<std::size_t>(block.line_bytes_));
  for (std::int64_t i = 0; i < lines_; ++i) {
    std::vector<unsigned char> want(block.line(i), block.line(i) + block.line_bytes_);
    for_each_chunk(line_bytes_, block.line_bytes_, [&](std::int64_t at, std::size_t bytes) {
      harness::tools(device_).download(got.data(), line(i) + at, bytes);
      if (at + static_cast<std::int64_t>(bytes) == line_bytes_)
        want[bytes - 1] &= static_cast<unsigned char>(0xff >> past_the_last);
      if (first >= 0 || std::memcmp(got.data(), want.data(), bytes) == 0) return;
      first = ((i * line_bytes_ + at) * 8 + first_bit(got.data(), want.data(), bytes)) / bits;
    });
  }
  return first;
}

}  // namespace rectify::bench
