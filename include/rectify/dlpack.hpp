// Views of DLTensors, the structs by which frameworks exchange tensors. Include your dlpack.h (0.6 or later) before this
// header, or have it as <dlpack/dlpack.h>; rectify does not contain one.
#pragma once

#include <rectify/tensor_view.hpp>

#if !defined(DLPACK_DLPACK_H_)
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#else
#error "rectify/dlpack.hpp: include your dlpack.h before it"
#endif
#endif

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace rectify {
namespace detail {
inline namespace RECTIFY_COPY {

template <class E>
[[noreturn]] void reject_dlpack(const char* field, const std::string& expected, const std::string& got) {
  raise(E(std::string("DLTensor.") + field + ": expected " + expected + ", got " + got));
}

inline DType dtype_of(const DLDataType& type) {
  if (type.lanes != 1) reject_dlpack<Unsupported>("dtype.lanes", "1", std::to_string(type.lanes));
  if (type.code == kDLBfloat && type.bits == 16) return DType::bf16;
  if (type.code == kDLFloat && type.bits == 16) return DType::f16;
  if (type.code == kDLFloat && type.bits == 32) return DType::f32;
  if (type.code == kDLFloat && type.bits == 64) return DType::f64;
  reject_dlpack<Unsupported>("dtype", "a float (code 2) of 16, 32 or 64 bits or a bfloat (code 4) of 16 bits",
                             "code " + std::to_string(type.code) + " of " + std::to_string(type.bits) + " bits");
}

inline Device device_of(const DLDevice& device) {
  const auto type = static_cast<int>(device.device_type);
  if (type == kDLCPU || type == kDLCUDAHost) return Device::cpu();
  if (type == kDLCUDA || type == kDLCUDAManaged) return Device::cuda(device.device_id);
  reject_dlpack<Unsupported>("device.device_type", "CPU (1), CUDA (2), CUDA host (3) or CUDA managed (13)",
                             std::to_string(type));
}

inline bool has_elements(const DLTensor& tensor) {
  return std::find(tensor.shape, tensor.shape + tensor.ndim, 0) == tensor.shape + tensor.ndim;
}

/// The address of the first element. Null stays null, whatever the offset, because forward and backward check for null.
inline void* data_of(const DLTensor& tensor, DType dtype) {
  if (tensor.data == nullptr || !has_elements(tensor)) return tensor.data;
  const auto begin = reinterpret_cast<std::uintptr_t>(tensor.data);
  const auto bytes = static_cast<unsigned>(bits_per_element(dtype) / 8);
  if (tensor.byte_offset > (std::numeric_limits<std::uintptr_t>::max)() - begin)
    reject_dlpack<InvalidArgument>("byte_offset", "data + byte_offset within the address space",
                                   std::to_string(tensor.byte_offset));
  if ((begin + tensor.byte_offset) % bytes != 0)
    reject_dlpack<InvalidArgument>("byte_offset", "data + byte_offset aligned to " + std::to_string(bytes) + " bytes",
                                   std::to_string(tensor.byte_offset));
  return static_cast<char*>(tensor.data) + tensor.byte_offset;
}

}  // namespace RECTIFY_COPY
}  // namespace detail

inline namespace RECTIFY_COPY {

/// A view of the memory of a DLTensor, which must outlive the calls that use the view. A DLTensor does not tell whether it may
/// be written; use const_view_of if it may not.
///
/// Dtypes: float of 16, 32 and 64 bits, and bfloat of 16 bits, of one lane. DLPack has no type for a mask: make a TensorView of
///         its bytes.
/// Devices: kDLCPU and kDLCUDAHost become Device::cpu(); kDLCUDA and kDLCUDAManaged become Device::cuda().
/// Strides: null is row-major. Strides of axes with one element are ignored, and so are all strides of a tensor without
///         elements.
/// Errors: Unsupported for another dtype, number of lanes or device, and for a negative stride. InvalidArgument for a rank
///         outside 0 to 8, for a null shape with a rank above 0, and for data + byte_offset that is not aligned to an element,
///         unless the tensor has no elements. Other faults of a view are rejected by forward and backward.
inline TensorView view_of(const DLTensor& tensor) {
  if (tensor.ndim < 0 || tensor.ndim > max_rank)
    detail::reject_dlpack<InvalidArgument>("ndim", "0 to " + std::to_string(max_rank), std::to_string(tensor.ndim));
  if (tensor.shape == nullptr && tensor.ndim > 0)
    detail::reject_dlpack<InvalidArgument>("shape", std::to_string(tensor.ndim) + " extents", "null");
  const DType dtype = detail::dtype_of(tensor.dtype);
  const Device device = detail::device_of(tensor.device);
  const TensorView view(detail::data_of(tensor, dtype), dtype, Shape(tensor.shape, tensor.ndim), device);
  if (tensor.strides == nullptr) return view;
  for (int axis = 0; axis < tensor.ndim; ++axis) {
    if (tensor.strides[axis] < 0 && tensor.shape[axis] > 1 && detail::has_elements(tensor))
      detail::reject_dlpack<Unsupported>("strides", "strides from 0 up", std::to_string(tensor.strides[axis]));
  }
  return view.strided(Strides(tensor.strides, tensor.ndim));
}

/// The same as a view that is only read.
inline ConstTensorView const_view_of(const DLTensor& tensor) { return view_of(tensor); }

}  // namespace RECTIFY_COPY
}  // namespace rectify
