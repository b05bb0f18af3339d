// The two verbs, forward and backward, with their operands. What an operand means stands here once, for both devices.
#pragma once

#include <rectify/relu.hpp>
#include <rectify/tensor_view.hpp>

#include <cstddef>

struct CUstream_st;

namespace rectify {

/// A cudaStream_t. Stream{} is the legacy default stream. CPU calls ignore it.
struct Stream {
  Stream() = default;
  Stream(CUstream_st* stream) : handle(stream) {}
  CUstream_st* handle = nullptr;
};

/// Scratch memory of the caller's: workspace_bytes() long, 256-byte aligned, on the tensors' device, one per concurrent call.
struct Workspace {
  void* data = nullptr;
  std::size_t bytes = 0;
};

/// Operands of forward. x and one of y, mask are required, the others optional: an absent one performs no operation.
/// In C++20: forward(f, {.x = x, .y = y}). This version serves x and y; each other operand is refused with Unsupported.
struct Forward {
  ConstTensorView x{};
  ConstTensorView scale{}, bias{}, residual{};
  ConstTensorView alpha{}, threshold{}, max_value{};
  TensorView y{}, mask{};
  int channel_axis = 1;
};

/// Operands of backward. dy, exactly one source (x, y or mask) and at least one output are required.
/// This version serves dy, x or y, and dx; each other operand is refused with Unsupported.
struct Backward {
  ConstTensorView dy{};
  ConstTensorView x{}, y{}, mask{};
  ConstTensorView scale{}, bias{}, residual{};
  ConstTensorView alpha{}, threshold{}, max_value{};
  TensorView dx{}, dresidual{}, dscale{}, dbias{}, dalpha{}, dthreshold{}, dmax_value{};
  int channel_axis = 1;
  Workspace workspace{};
};

/// y = value(x), element by element.
///
/// Shapes: x and y equal, rank 0 to 8, any number of elements, none included.
/// Dtypes: equal; f16, bf16 and f32 compute in float, f64 in double, and the store rounds once.
/// Layout: any strides from 0 up. y must not overlap itself: sorted, each of its strides exceeds the span of those below.
///         Tensors dense in one common order run the vector kernels.
/// Aliasing: y may be x (the same view); any other overlap is refused.
/// Synchronisation: CUDA calls are asynchronous on `stream`, allocate nothing and may be captured; CPU calls are synchronous.
/// Errors: InvalidArgument, Unsupported (nothing is written), CudaError.
RECTIFY_API void forward(const Relu& relu, const Forward& operands, Stream stream = {});
RECTIFY_API void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y, Stream stream = {});

/// dx = dy * slope(x), selected: where the slope is 0, dx is +0 whatever dy is.
///
/// Source: x, always; or y = value(x), where the region can be read off y: alpha >= 0, threshold >= 0, max_value > 0
/// and exact in y's dtype or infinite. Both give the same bits.
/// Shapes, dtypes, layout, synchronisation, errors: as forward, over dy, the source and dx.
/// Aliasing: dx may be dy or x (the same view); any other overlap is refused.
RECTIFY_API void backward(const Relu& relu, const Backward& operands, Stream stream = {});
RECTIFY_API void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx,
                          Stream stream = {});

/// Bytes that backward needs in Backward::workspace; 0 where no sum is asked for. Data pointers are ignored.
/// Throws Unsupported where one is, as this version has no sums.
RECTIFY_API std::size_t workspace_bytes(const Relu& relu, const Backward& operands);

/// The narrowest mask that serves backward: u1 where there is no cap or alpha is the number 0, else u2. Throws InvalidArgument
/// for parameters that are not valid in x's dtype.
RECTIFY_API DType mask_dtype(const Relu& relu, const Forward& operands);

/// Bytes of a mask over `shape`: its bits, rounded up to whole bytes. Throws InvalidArgument unless dtype is u1 or u2.
RECTIFY_API std::size_t mask_bytes(DType dtype, const Shape& shape);

/// True where rectify was built with CUDA and the machine has a driver and a device.
RECTIFY_API bool cuda_available() noexcept;

}  // namespace rectify
