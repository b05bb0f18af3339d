// The memory of operands. A tensor of any size repeats a block of values. So the reference, which is slow, runs only over the
// block, and still every element of the tensor is compared.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace rectify::bench {

/// Where operands come from: the memory of a device, or memory that a peer in another process shares.
struct Memory {
  Device device;
  std::function<std::shared_ptr<void>(std::size_t bytes)> allocate;  ///< 256-byte aligned

  static Memory of(Device device);
};

/// Of a storage type: the distance from 1 to the next larger number.
double precision_of(DType dtype);

/// A tensor's memory, as lines of equal length. Each line repeats the line of the same index of the block.
class Buffer {
 public:
  Buffer() = default;
  /// Its first byte is `offset` bytes past a multiple of 256.
  Buffer(DType dtype, std::int64_t lines, std::int64_t line_elements, const Memory& memory, std::int64_t offset = 0);

  void* data() const { return data_; }
  /// The multiple of 256 before it.
  void* aligned() const { return memory_.get(); }
  DType dtype() const { return dtype_; }

  /// Fills memory on the CPU with random values, or with random codes of a mask.
  void randomise(unsigned seed) const;

  /// Sets the `gap` elements after each `row` elements to 0xff bytes. Not for masks.
  void spoil_gaps(std::int64_t row, std::int64_t gap) const;

  /// Fills every line with repetitions of the block's line. `block` is on the CPU and has at most as many elements. If it has
  /// fewer, its lines are whole bytes.
  void repeat(const Buffer& block) const;
  /// The index of the first element that differs from the repeated block; -1 if none does. Bits past the last element of a mask
  /// count as elements that must be 0. Numbers may differ by `tolerance` units in the last place; 0 compares bits.
  std::int64_t first_difference(const Buffer& block, int tolerance = 0) const;

  /// The values of a buffer that has one line and is not a mask.
  std::vector<double> numbers() const;

  /// Sets every byte.
  void fill(unsigned char byte) const;

 private:
  unsigned char* line(std::int64_t index) const { return data_ + index * line_bytes_; }
  /// The first bit at which an element of two pieces of a line differs; -1 if none does.
  std::int64_t first_bit(const unsigned char* got, const unsigned char* want, std::size_t bytes, int tolerance) const;

  DType dtype_ = DType::f32;
  Device device_;
  std::int64_t lines_ = 0, line_bits_ = 0, line_bytes_ = 0;
  std::shared_ptr<void> memory_;
  unsigned char* data_ = nullptr;
};

}  // namespace rectify::bench
