// The constructors of shapes, strides and views (rectify/tensor_view.hpp). Extents and strides are checked later, by
// validate.cpp, whose errors can name the operand.
#include <rectify/tensor_view.hpp>

#include <algorithm>
#include <limits>

namespace rectify {
namespace {

/// A product that overflows becomes the largest int64. That is harmless, because validate.cpp rejects the shape before a stride
/// is used.
std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

Strides row_major(const Shape& shape) {
  std::int64_t strides[max_rank] = {};
  std::int64_t next = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = next;
    next = saturating_product(next, std::max<std::int64_t>(shape[axis], 1));
  }
  return {strides, shape.rank()};
}

}  // namespace

namespace detail {

Dims::Dims(const std::int64_t* values, int rank) : rank_(rank) {
  if (rank < 0 || rank > max_rank) {
    throw InvalidArgument("rank: expected 0 to " + std::to_string(max_rank) + ", got " + std::to_string(rank));
  }
  if (values == nullptr && rank > 0)
    throw InvalidArgument("shape or strides: expected a pointer to " + std::to_string(rank) + " values, got null");
  std::copy_n(values, rank, values_);
}

bool operator==(const Dims& a, const Dims& b) {
  return a.rank_ == b.rank_ && std::equal(a.values_, a.values_ + a.rank_, b.values_);
}

}  // namespace detail

ConstTensorView::ConstTensorView(const void* data, DType dtype, const Shape& shape, Device device)
    : data_(data), shape_(shape), strides_(row_major(shape)), device_(device), dtype_(dtype), present_(true) {}

ConstTensorView ConstTensorView::strided(const Strides& strides) const {
  if (strides.rank() != shape_.rank()) {
    throw InvalidArgument("strides: expected rank " + std::to_string(shape_.rank()) + " as the shape, got " +
                          std::to_string(strides.rank()));
  }
  ConstTensorView view = *this;
  view.strides_ = strides;
  return view;
}

}  // namespace rectify
