// Memory of operands. A tensor of any size repeats a block, so the reference, which is slow, runs over the block alone, and
// every element of the tensor is still compared.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace rectify::bench {

/// A device's memory for one workload after the other. A second one is given the tensors of the first again where it asks for as
/// many bytes to read, or to write: where its pages lie alone made an op 0.9 to 1.4 times as fast as itself (256 MiB, AMD EPYC).
class Memory {
 public:
  enum class Use { read, written };

  explicit Memory(Device device) : device_(device) {}
  Device device() const { return device_; }

  std::shared_ptr<void> take(std::size_t bytes, Use use);
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

/// Lines of equal length; each repeats the line of the same index of the block.
class Buffer {
 public:
  Buffer() = default;
  Buffer(DType dtype, std::int64_t lines, std::int64_t line_elements, Memory& memory, Memory::Use use);

  void* data() const { return data_.get(); }
  DType dtype() const { return dtype_; }

  /// Of memory on the CPU: random numbers, or codes of a mask.
  void randomise(unsigned seed) const;

  /// `block` lies on the CPU and has at most as many elements; where it has fewer, its lines are whole bytes.
  void repeat(const Buffer& block) const;
  /// The index of the first element that differs from the block repeated, -1 where none does. Bits past the last element of a
  /// mask count as elements, which are 0.
  std::int64_t first_difference(const Buffer& block) const;

  /// All elements of a buffer of one line of numbers.
  std::vector<double> numbers() const;

  /// Every byte the same.
  void fill(unsigned char byte) const;

 private:
  unsigned char* line(std::int64_t index) const { return static_cast<unsigned char*>(data_.get()) + index * line_bytes_; }

  DType dtype_ = DType::f32;
  Device device_;
  std::int64_t lines_ = 0, line_bits_ = 0, line_bytes_ = 0;
  std::shared_ptr<void> data_;
};

}  // namespace rectify::bench
