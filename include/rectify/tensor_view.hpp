// Views: where a tensor lies, its type, shape and strides. Views never own and never touch the data.
#pragma once

#include <rectify/detail/host_device.hpp>
#include <rectify/error.hpp>

#include <cstdint>
#include <initializer_list>

struct __half;
struct __nv_bfloat16;

namespace rectify {

/// u1 and u2 are masks of one and two bits per element; they are no type of a tensor of numbers.
enum class DType : std::uint8_t { f16, bf16, f32, f64, u1, u2 };

/// Size of one element in bits: 16, 16, 32, 64, 1, 2.
constexpr int bits_per_element(DType dtype) {
  constexpr int bits[] = {16, 16, 32, 64, 1, 2};
  return bits[static_cast<int>(dtype)];
}

/// Where data lies, and so where a call runs.
struct Device {
  /// cpu: memory of the host. cuda: memory that the device `index` can reach.
  enum class Kind : std::uint8_t { cpu, cuda };

  static constexpr Device cpu() { return {}; }                                 ///< the host
  static constexpr Device cuda(int index = 0) { return {Kind::cuda, index}; }  ///< index as in cudaSetDevice

  Kind kind = Kind::cpu;  ///< the host unless said otherwise
  int index = 0;          ///< of a CUDA device; 0 for the CPU
};

/// The same kind and index.
constexpr bool operator==(Device a, Device b) { return a.kind == b.kind && a.index == b.index; }
/// Not ==.
constexpr bool operator!=(Device a, Device b) { return !(a == b); }

/// The most axes that a tensor may have.
constexpr int max_rank = 8;

namespace detail {

/// Up to max_rank numbers by value: neither Shape nor Strides ever allocates.
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

/// Extents, outermost first; rank 0 is a single element. {2, 3, 4} or (pointer, rank).
struct Shape : detail::Dims {
  Shape() = default;
  /// {2, 3, 4}. Throws InvalidArgument for more than max_rank extents.
  Shape(std::initializer_list<std::int64_t> extents) : Dims(extents.begin(), static_cast<int>(extents.size())) {}
  /// `rank` extents at `extents`. Throws InvalidArgument for a rank outside 0..8 or a null pointer with a rank above 0.
  Shape(const std::int64_t* extents, int rank) : Dims(extents, rank) {}
};

/// Distances between neighbours along each axis, in elements. {12, 4, 1} or (pointer, rank).
struct Strides : detail::Dims {
  Strides() = default;
  /// {12, 4, 1}. Throws InvalidArgument for more than max_rank strides.
  Strides(std::initializer_list<std::int64_t> strides) : Dims(strides.begin(), static_cast<int>(strides.size())) {}
  /// `rank` strides at `strides`. Throws as Shape does.
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

/// A tensor to read. Default-constructed, it is absent. Row-major unless strided. The data must outlive the call
/// (on CUDA: the work on the stream); null data is legal with zero elements only.
class RECTIFY_API ConstTensorView {
 public:
  ConstTensorView() = default;
  /// Row-major over `data`. Throws nothing: forward and backward judge what a view says, and name its operand.
  ConstTensorView(const void* data, DType dtype, const Shape& shape, Device device);
  /// The same, the dtype from T: float, double, __half or __nv_bfloat16.
  template <class T, DType dtype = detail::DTypeOf<T>::value>
  ConstTensorView(const T* data, const Shape& shape, Device device) : ConstTensorView(data, dtype, shape, device) {}

  /// The same data under strides of its own, in elements. Throws InvalidArgument unless the ranks agree.
  ConstTensorView strided(const Strides& strides) const;

  bool present() const { return present_; }            ///< false where default-constructed: no such operand
  const void* data() const { return data_; }           ///< of the first element
  DType dtype() const { return dtype_; }               ///< f32 where absent
  const Shape& shape() const { return shape_; }        ///< rank 0 where absent
  const Strides& strides() const { return strides_; }  ///< in elements, of the shape's rank
  Device device() const { return device_; }            ///< the CPU where absent

 private:
  const void* data_ = nullptr;
  Shape shape_;
  Strides strides_;
  Device device_;
  DType dtype_ = DType::f32;
  bool present_ = false;
};

/// A tensor to write; everywhere else it is a ConstTensorView.
class TensorView : public ConstTensorView {
 public:
  TensorView() = default;
  /// As ConstTensorView's.
  TensorView(void* data, DType dtype, const Shape& shape, Device device) : ConstTensorView(data, dtype, shape, device) {}
  /// The same, the dtype from T: float, double, __half or __nv_bfloat16.
  template <class T, DType dtype = detail::DTypeOf<T>::value>
  TensorView(T* data, const Shape& shape, Device device) : ConstTensorView(data, dtype, shape, device) {}

  /// As ConstTensorView's.
  TensorView strided(const Strides& strides) const { return TensorView(ConstTensorView::strided(strides)); }

  /// A TensorView is made from writable data, so taking the const off again is sound. (Do not assign to one through a reference
  /// to its base.)
  void* data() const { return const_cast<void*>(ConstTensorView::data()); }

 private:
  explicit TensorView(const ConstTensorView& view) : ConstTensorView(view) {}
};

static_assert(alignof(ConstTensorView) >= alignof(void*), "a #pragma pack is in force: the library has another layout");

}  // namespace rectify
