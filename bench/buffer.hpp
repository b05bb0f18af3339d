// The memory of operands. A tensor of any size repeats a block of values. So the reference, which is slow, runs only over the
// block, and still every element of the tensor is compared.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace rectify::bench {

/// A device's memory for several workloads, one after another. If a later workload requests as many bytes for the same use as
/// an earlier one, it is given the same memory: in memory of its own, the same op was 0.9 to 1.4 times as fast (256 MiB, AMD
/// EPYC).
class Memory {
 public:
  enum class Use { read, written };

  explicit Memory(Device device) : device_(device) {}
  Device device() const { return device_; }

  std::shared_ptr<void> take(std::size_t bytes, Use use);
  /// To be called before the next workload: all memory may be given out again.
  void rewind();

 private:
  struct Piece {
    std::shared_ptr<void> data;
    std::size_t bytes;
    Use use;
    bool taken;
  };

  Device device_;
  std::vector<Piece> pieces_;
};

/// A tensor's memory, as lines of equal length. Each line repeats the line of the same index of the block.
class Buffer {
 public:
  Buffer() = default;
  Buffer(DType dtype, std::int64_t lines, std::int64_t line_elements, Memory& memory, Memory::Use use);

  void* data() const { return data_.get(); }
  DType dtype() const { return dtype_; }

  /// Fills memory on the CPU with random values, or with random codes of a mask.
  void randomise(unsigned seed) const;

  /// Fills every line with repetitions of the block's line. `block` is on the CPU and has at most as many elements. If it has
  /// fewer, its lines are whole bytes.
  void repeat(const Buffer& block) const;
  /// The index of the first element that differs from the repeated block; -1 if none does. Bits past the last element of a mask
  /// count as elements that must be 0.
  std::int64_t first_difference(const Buffer& block) const;

  /// The values of a buffer that has one line and is not a mask.
  std::vector<double> numbers() const;

  /// Sets every byte.
  void fill(unsigned char byte) const;

 private:
  unsigned char* line(std::int64_t index) const { return static_cast<unsigned char*>(data_.get()) + index * line_bytes_; }

  DType dtype_ = DType::f32;
  Device device_;
  std::int64_t lines_ = 0, line_bits_ = 0, line_bytes_ = 0;
  std::shared_ptr<void> data_;
};

}  // namespace rectify::bench
