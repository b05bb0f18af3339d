// Views of tensors: an address, a dtype, a shape, strides and a device. A view never owns its data, and never reads or writes
// it.
#pragma once

#include <rectify/detail/host_device.hpp>
#include <rectify/error.hpp>

#include <cstdint>
#include <initializer_list>

struct __half;
struct __nv_bfloat16;

namespace rectify {

/// The type of an element. u1 and u2 are the dtypes of masks, of one and two bits per element; no other operand has them.
enum class DType : std::uint8_t { f16, bf16, f32, f64, u1, u2 };

/// The size of an element in bits: 16, 16, 32, 64, 1, 2.
constexpr int bits_per_element(DType dtype) {
  constexpr int bits[] = {16, 16, 32, 64, 1, 2};
  return bits[static_cast<int>(dtype)];
}

/// The memory in which data lies, and so the processor on which a call runs.
struct Device {
  /// cpu: host memory. cuda: memory that device `index` can access.
  enum class Kind : std::uint8_t { cpu, cuda };

  static constexpr Device cpu() { return {}; }                                 ///< the host
  static constexpr Device cuda(int index = 0) { return {Kind::cuda, index}; }  ///< index as in cudaSetDevice

  Kind kind = Kind::cpu;  ///< the CPU by default
  int index = 0;          ///< of a CUDA device, as in cudaSetDevice; 0 for the CPU
};

/// True if kind and index are equal.
constexpr bool operator==(Device a, Device b) { return a.kind == b.kind && a.index == b.index; }
/// True if kind or index differ.
constexpr bool operator!=(Device a, Device b) { return !(a == b); }

/// The most axes that a tensor may have.
constexpr int max_rank = 8;

namespace detail {

/// Up to max_rank integers, stored in place, so that Shape and Strides never allocate.
struct RECTIFY_API Dims {
  Dims() = default;
  /// Throws InvalidArgument for a rank outside 0..8 or a null pointer with a rank above 0.
  Dims(const std::int64_t* values, int rank);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return values_[axis]; }
  std::int64_t& operator[](int axis) { return values_[axis]; }
  friend RECTIFY_API bool operator==(const Dims& a, const Dims& b);
  friend bool operator!=(const Dims& a, const Dims& b) { return !(a == b); }

 private:
  int rank_ = 0;
  std::int64_t values_[max_rank] = {};
};

}  // namespace detail

/// The extents of a tensor, outermost axis first. A tensor of rank 0 has one element.
struct Shape : detail::Dims {
  Shape() = default;
  /// For example {2, 3, 4}. Throws InvalidArgument for more than max_rank extents.
  Shape(std::initializer_list<std::int64_t> extents) : Dims(extents.begin(), static_cast<int>(extents.size())) {}
  /// The first `rank` extents at `extents`. Throws InvalidArgument for a rank outside 0..8 or a null pointer with a rank above
  /// 0.
  Shape(const std::int64_t* extents, int rank) : Dims(extents, rank) {}
};

/// The strides of a tensor: the distance between neighbours along each axis, in elements, outermost axis first.
struct Strides : detail::Dims {
  Strides() = default;
  /// For example {12, 4, 1}. Throws InvalidArgument for more than max_rank strides.
  Strides(std::initializer_list<std::int64_t> strides) : Dims(strides.begin(), static_cast<int>(strides.size())) {}
  /// The first `rank` strides at `strides`. Throws InvalidArgument for a rank outside 0..8 or a null pointer with a rank above
  /// 0.
  Strides(const std::int64_t* strides, int rank) : Dims(strides, rank) {}
};

namespace detail {

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<__half> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<__nv_bfloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};

}  // namespace detail

/// A tensor that a call reads. A default-constructed view is absent. A view is row-major, unless strided() gave it other
/// strides. The data must outlive the call; on CUDA, it must outlive the work on the stream. Data may be null only if the
/// tensor has no elements.
class RECTIFY_API ConstTensorView {
 public:
  ConstTensorView() = default;
  /// A row-major tensor at `data`. Throws nothing: forward and backward validate their views, and name the operand in the
  /// error.
  ConstTensorView(const void* data, DType dtype, const Shape& shape, Device device);
  /// The same, with the dtype of T: float, double, __half or __nv_bfloat16.
  template <class T, DType dtype = detail::DTypeOf<T>::value>
  ConstTensorView(const T* data, const Shape& shape, Device device) : ConstTensorView(data, dtype, shape, device) {}

  /// A view of the same data with other strides, in elements. Throws InvalidArgument unless the strides have the rank of the
  /// shape.
  ConstTensorView strided(const Strides& strides) const;

  bool present() const { return present_; }            ///< false for a default-constructed view: the operand is absent
  const void* data() const { return data_; }           ///< the address of the first element
  DType dtype() const { return dtype_; }               ///< f32 for an absent view
  const Shape& shape() const { return shape_; }        ///< of rank 0 for an absent view
  const Strides& strides() const { return strides_; }  ///< in elements, of the shape's rank
  Device device() const { return device_; }            ///< the CPU for an absent view

 private:
  const void* data_ = nullptr;
  Shape shape_;
  Strides strides_;
  Device device_;
  DType dtype_ = DType::f32;
  bool present_ = false;
};

/// A tensor that a call writes. It can be passed as a ConstTensorView too.
class TensorView : public ConstTensorView {
 public:
  TensorView() = default;
  /// A row-major tensor at `data`. Throws nothing.
  TensorView(void* data, DType dtype, const Shape& shape, Device device) : ConstTensorView(data, dtype, shape, device) {}
  /// The same, with the dtype of T: float, double, __half or __nv_bfloat16.
  template <class T, DType dtype = detail::DTypeOf<T>::value>
  TensorView(T* data, const Shape& shape, Device device) : ConstTensorView(data, dtype, shape, device) {}

  /// A view of the same data with other strides. Throws as ConstTensorView::strided does.
  TensorView strided(const Strides& strides) const { return TensorView(ConstTensorView::strided(strides)); }

  /// The address of the first element. The const_cast is valid, because a TensorView is made from writable data. (Do not assign
  /// to a TensorView through a reference to its base class.)
  void* data() const { return const_cast<void*>(ConstTensorView::data()); }

 private:
  explicit TensorView(const ConstTensorView& view) : ConstTensorView(view) {}
};

static_assert(alignof(ConstTensorView) >= alignof(void*),
              "a #pragma pack is in force: it gives this class another layout than the library has");

}  // namespace rectify
