// Tensors for tests: any dtype, any offset from an aligned address, guard bytes on both sides, on any device.
#pragma once

#include "harness.hpp"

#include <rectify/tensor_view.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace rectify::test {

using Bytes = std::vector<unsigned char>;

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
template <class T>
std::vector<T> values_in(const Bytes& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// The extents, as in "2 x 3".
std::string text_of(const Shape& shape);

/// The placement of a tensor: shape, strides, and the number of elements (of a mask: bytes) between a 256-byte boundary and the first
/// element.
struct Placement {
  Placement(const Shape& shape_, int offset_ = 0);
  Placement(const Shape& shape_, const Strides& strides_, int offset_ = 0)
      : shape(shape_), strides(strides_), offset(offset_) {}

  /// The number of elements from the first to the last, including gaps.
  std::int64_t span() const;

  Shape shape;
  Strides strides;
  int offset;
};

/// The bytes that a placement spans in memory. The bits of a mask are rounded up to whole bytes.
std::size_t span_bytes(DType dtype, const Placement& placement);

/// The bytes of `placement.span()` elements between guards. Under AddressSanitizer the guards on the host are poisoned.
class Tensor {
 public:
  Tensor(Device device, DType dtype, const Placement& placement, const Bytes& contents);
  ~Tensor();
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  TensorView view() const;
  Bytes contents() const;
  bool guards_intact() const;

 private:
  Device device_;
  DType dtype_;
  Placement placement_;
  std::size_t begin_, bytes_;
  std::shared_ptr<void> memory_;
};

/// A view of host memory that holds the span of a placement.
TensorView host_view(Bytes& bytes, DType dtype, const Placement& placement);

/// The contents of output memory before a call: a pattern that no op stores everywhere.
Bytes untouched(DType dtype, const Placement& placement);
/// Random bit patterns, which include every kind of number, also NaN and subnormal ones.
Bytes random_patterns(DType dtype, std::int64_t elements, std::uint64_t seed);

/// Elements have equal bits or are both NaN; masks have equal bytes. The message names the first difference.
testing::AssertionResult same_numbers(DType dtype, const Bytes& got, const Bytes& expected);

using harness::name;
/// 0 for masks.
inline int bytes_per_element(DType dtype) { return bits_per_element(dtype) / 8; }

}  // namespace rectify::test
