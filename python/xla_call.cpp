// See xla_call.hpp.
#include "xla_call.hpp"

#include "errors.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>

namespace rectify::python {
namespace {

template <class T>
T attribute(const xla::Call& call, const char* name, xla::DataType type) {
  const xla::Attributes& all = call.attributes;
  for (std::int64_t i = 0; i < all.size; ++i) {
    const xla::Name& found = *all.names[i];
    if (found.length != std::strlen(name) || std::memcmp(found.begin, name, found.length) != 0) continue;
    const auto& scalar = *static_cast<const xla::Scalar*>(all.all[i]);
    if (all.kinds[i] == xla::scalar_attribute && scalar.dtype == type) return *static_cast<const T*>(scalar.value);
  }
  reject<InvalidArgument>(name, "an attribute of 64 bits", "none");
}

DType dtype_of(const char* name, std::int32_t dtype) {
  switch (dtype) {
    case xla::f16: return DType::f16;
    case xla::bf16: return DType::bf16;
    case xla::f32: return DType::f32;
    case xla::f64: return DType::f64;
  }
  reject<InvalidArgument>(name, "dtype float16, bfloat16, float32 or float64", "XLA's type " + std::to_string(dtype));
}

std::int64_t product(const std::int64_t* begin, std::int64_t count) {
  return std::accumulate(begin, begin + count, std::int64_t{1}, std::multiplies<>());
}

/// The extents of an example, behind those of all examples.
Shape with_leading(std::int64_t examples, const Shape& shape) {
  std::int64_t extents[max_rank] = {examples};
  for (int axis = 0; axis < shape.rank(); ++axis) extents[axis + 1] = shape[axis];
  return Shape(extents, shape.rank() + 1);
}

}  // namespace

std::int64_t integer_attribute(const xla::Call& call, const char* name) {
  return attribute<std::int64_t>(call, name, xla::s64);
}
double number_attribute(const xla::Call& call, const char* name) { return attribute<double>(call, name, xla::f64); }

// --- Batch ------------------------------------------------------------------------------------------------------------------

std::int64_t Batch::examples() const { return product(extents, axes); }

bool Batch::is_complete(const xla::Buffer& buffer) const { return std::equal(extents, extents + axes, buffer.dims); }

bool Batch::is_shared(const xla::Buffer& buffer) const { return product(buffer.dims, axes) == 1; }

std::int64_t Batch::place(std::int64_t example, const xla::Buffer& buffer) const {
  std::int64_t place = 0, factor = 1;
  for (int axis = axes - 1; axis >= 0; --axis) {
    if (buffer.dims[axis] != 1) place += example % extents[axis] * factor;
    example /= extents[axis];
    factor *= buffer.dims[axis];
  }
  return place;
}

// --- XlaCallBase ------------------------------------------------------------------------------------------------------------

XlaCallBase::XlaCallBase(const xla::Call& call, Device device)
    : call_(call),
      device_(device),
      function_{number_attribute(call, "alpha"), number_attribute(call, "threshold"), number_attribute(call, "max_value")},
      gain_(number_attribute(call, "gain")),
      channel_axis_(static_cast<int>(integer_attribute(call, "channel_axis"))),
      mask_bits_(static_cast<int>(integer_attribute(call, "mask_bits"))),
      present_(integer_attribute(call, "present")) {
  const auto rank = static_cast<int>(integer_attribute(call, "rank"));
  batch_ = {static_cast<int>(operand(0).rank) - rank, result(0).dims};
  shape_ = Shape(operand(0).dims + batch_.axes, rank);
}

bool XlaCallBase::serves_all(const detail::Operand& row, const xla::Buffer& buffer) const {
  switch (row.kind) {
    case detail::OperandKind::tensor: return batch_.is_complete(buffer);
    case detail::OperandKind::mask:
      return batch_.is_complete(buffer) && product(operand(0).dims + batch_.axes, shape_.rank()) * mask_bits_ % 8 == 0;
    case detail::OperandKind::parameter: return batch_.is_shared(buffer);
    case detail::OperandKind::sum: break;
  }
  return false;
}

TensorView XlaCallBase::view(const detail::Operand& row, const xla::Buffer& buffer, std::int64_t example) const {
  const bool is_mask = row.kind == detail::OperandKind::mask;
  const std::int64_t* const dims = buffer.dims + batch_.axes;
  const std::int64_t rank = buffer.rank - batch_.axes;
  const DType dtype = is_mask ? (mask_bits_ == 1 ? DType::u1 : DType::u2) : dtype_of(row.name, buffer.dtype);
  const Shape own = is_mask ? shape_ : Shape(dims, static_cast<int>(rank));
  const bool leads = together_ && (is_mask || row.kind == detail::OperandKind::tensor);
  const std::int64_t bytes = product(dims, rank) * (is_mask ? 8 : bits_per_element(dtype)) / 8;
  void* const data = static_cast<char*>(buffer.data) + batch_.place(example, buffer) * bytes;
  return TensorView(data, dtype, leads ? with_leading(batch_.examples(), own) : own, device_);
}

}  // namespace rectify::python
