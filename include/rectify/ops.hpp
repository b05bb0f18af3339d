// The two functions, forward and backward, and the functions that size their masks and workspaces. Every operand is documented
// here; its meaning is the same on the CPU and on CUDA. Implemented by host/ops.cpp.
#pragma once

#include <rectify/relu.hpp>
#include <rectify/tensor_view.hpp>

#include <cstddef>

struct CUstream_st;

namespace rectify {

/// A cudaStream_t. Stream{} is the legacy default stream. CPU calls ignore it.
struct Stream {
  Stream() = default;
  /// Not explicit, so that a cudaStream_t can be passed for a Stream.
  Stream(CUstream_st* stream) : handle(stream) {}
  CUstream_st* handle = nullptr;  ///< the cudaStream_t; null is the legacy default stream
};

/// Scratch memory of the caller, for backward with sums: at least workspace_bytes() bytes on the device of the tensors, aligned
/// to 256 bytes. Concurrent calls need a workspace each.
struct Workspace {
  void* data = nullptr;   ///< may be null if no sum is requested
  std::size_t bytes = 0;  ///< the size of the memory at data; it may be larger than needed
};

/// The operands of forward. x is required, and so is y or mask (or both). Every other operand is optional; if it is absent, its
/// operation is not performed. In C++20: forward(f, {.x = x, .bias = bias, .y = y}).
///
/// A parameter tensor (scale, bias, alpha, threshold or max_value) has 1 element, or 1 element per channel. The channels are
/// the indices of axis channel_axis of x. A tensor with an element per channel has them along one axis, as {C} and {1, C, 1, 1}
/// have for C channels; if its rank is that of x, this must be axis channel_axis. A tensor with 1 element may have the shape
/// {1}, or rank 0. The dtype is that of x or f32; with f64 it is f64.
///
/// A tensor of alpha, threshold or max_value is used instead of the scalar in Relu. The scalar is validated all the same.
/// Values in tensors are never validated: the formula applies to them as written.
struct Forward {
  ConstTensorView x{};          ///< input; f16, bf16, f32 or f64
  ConstTensorView scale{};      ///< parameter tensor; x is multiplied by it
  ConstTensorView bias{};       ///< parameter tensor; added to x, after scale
  ConstTensorView residual{};   ///< input of x's shape and dtype; added last
  ConstTensorView alpha{};      ///< parameter tensor, used instead of Relu::alpha
  ConstTensorView threshold{};  ///< parameter tensor, used instead of Relu::threshold
  ConstTensorView max_value{};  ///< parameter tensor, used instead of Relu::max_value
  TensorView y{};               ///< output of x's shape and dtype
  /// Output of x's shape: the region of every element, for backward. Its dtype is u1 (1 = linear) or u2 (0 = below, 1 = linear,
  /// 2 = saturated). u2 always serves; u1 serves if mask_dtype() returns it.
  ///
  /// The data is mask_bytes() bytes at any address. The lowest bits of the first byte are the first element's, as in numpy's
  /// packbits(bitorder='little'); bits after the last element are set to 0. The strides of the mask give the order of its
  /// elements. They must be dense, but may differ from those of x. The order of x is fastest, together with tensors that begin
  /// on 16-byte boundaries.
  TensorView mask{};
  int channel_axis = 1;  ///< an axis of x; a negative one counts from the end. Ignored if no parameter has more than 1 element.
  double gain = 1;       ///< y is multiplied by it. Finite and not 0, also after rounding to the compute type.
};

/// The operands of backward. dy, exactly one source (x, y or mask) and at least one output are required. Parameter tensors are
/// described at Forward. An operand of forward is passed again with the same value, unless its comment says otherwise; so is
/// the gain, whatever the source.
///
/// A sum (dscale, dbias, dalpha, dthreshold or dmax_value) has 1 element (the sum over everything) or 1 element per channel,
/// whatever the shape of its parameter. Its shape follows the rules of a parameter tensor. Its dtype is f32; with f64 it is
/// f64. A sum may be requested even if its parameter is a scalar in Relu, to learn that scalar, or is absent. Only dscale
/// requires its tensor, scale.
struct Backward {
  ConstTensorView dy{};         ///< input: the gradient of y; f16, bf16, f32 or f64
  ConstTensorView x{};          ///< source: x of forward, of dy's shape and dtype
  ConstTensorView y{};          ///< source: y of forward, of dy's shape and dtype
  ConstTensorView mask{};       ///< source: the mask of forward, of dy's shape
  ConstTensorView scale{};      ///< as in forward; not with source y
  ConstTensorView bias{};       ///< as in forward; with source y it may be passed and is not read, not with source mask
  ConstTensorView residual{};   ///< as in forward; only with source x
  ConstTensorView alpha{};      ///< as in forward; not with source y
  ConstTensorView threshold{};  ///< as in forward; not with source y
  ConstTensorView max_value{};  ///< as in forward; not with source y
  TensorView dx{};              ///< output of dy's shape and dtype: the gradient of x
  TensorView dresidual{};       ///< output of dy's shape and dtype: the gradient of residual
  TensorView dscale{};          ///< sum: the gradient of scale; only with source x
  TensorView dbias{};           ///< sum: the gradient of bias
  TensorView dalpha{};          ///< sum: the gradient of alpha; only with source x
  TensorView dthreshold{};      ///< sum: the gradient of threshold
  TensorView dmax_value{};      ///< sum: the gradient of max_value
  int channel_axis = 1;         ///< as in forward
  Workspace workspace{};        ///< required if a sum is requested, otherwise ignored
  double gain = 1;              ///< as in forward; dy is multiplied by it
  /// If true, a sum is added to what its tensor holds: the result is old + sum, rounded once. Ignored if no sum is requested.
  bool accumulate = false;
};

/// Computes y = value(z) * gain for every element, and the mask of the regions of z, in one pass over the tensors:
///
///     z = x * scale             if there is a scale and no bias
///         x + bias              if there is a bias and no scale
///         fma(x, scale, bias)   if there are both
///         x                     if there is neither
///     z = z + residual          if there is a residual
///
/// value and the regions are those of relu.hpp. The gain is no parameter of that function: it is for layers that keep the
/// variance of their inputs (in StyleGAN: bias, leaky_relu(0.2) and a gain of sqrt 2).
///
/// Rounding: every operation, also the product with the gain, rounds to the compute type: float for f16, bf16 and f32, double
///         for f64. The region is that of z as computed. The store rounds once more, to the dtype of y.
/// Shapes: x, residual, y and mask have the same shape, of rank 0 to 8 and any number of elements, including none.
/// Dtypes: see Forward.
/// Layout: strides are 0 or more. An input with a stride of 0 is broadcast. Strides of axes with one element are ignored, and
///         so are all strides of a tensor without elements. No output may overlap itself: each of its strides must exceed the
///         span of all smaller ones. Tensors that are dense in one common order run the vector kernels, even if x is broadcast
///         along one range of neighbouring axes.
/// Aliasing: y may be the same view as x or residual. Otherwise, y or a mask that shares a byte with another operand is
///         rejected. Slices of one buffer that share no byte are accepted (halves of the columns; even and odd elements).
/// Synchronisation: CUDA calls are asynchronous on `stream`, allocate nothing and may be captured. CPU calls are synchronous.
/// Device: a call runs on the device of its tensors, whichever device is current, and leaves the caller's device current. From
///         CUDA 12 on, making that device current again initialises it if the process has not used it yet.
/// CPU: calls of 32,768 elements or more are divided among OpenMP's threads. In a child of fork(), every call runs on one
///         thread. A call with sums or with parameters per channel may allocate memory once, and frees it before it returns.
///         The caller's floating-point environment (rounding, flushing of subnormals, traps, flags) changes no result and is
///         restored.
/// Errors: InvalidArgument for scalars in Relu or a gain that are not valid; for the dtype, shape, device, strides or data of
///         an operand; for a channel_axis that x does not have; for a mask of u1 if there is a cap and alpha is not the scalar
///         0. Unsupported for negative strides, for CUDA tensors in a build without CUDA, and for an output that may overlap
///         another operand, if their strides are not those of one array and an exact check would take too long. std::bad_alloc
///         on the CPU. After any of these, nothing has been written. CudaError if the CUDA runtime fails.
RECTIFY_API void forward(const Relu& relu, const Forward& operands, Stream stream = {});
/// Computes y = value(x): forward with the operands x and y.
RECTIFY_API void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y, Stream stream = {});

/// Computes the gradients of forward's inputs and parameters, in one pass over the tensors. z and its regions are those of
/// forward.
///
///     g = dy * gain
///     dz = g * slope(z)
///     dx = dz * scale                         dz if there is no scale
///     dresidual = dz
///     dscale = sum of dz * x
///     dbias = sum of dz
///     dalpha = sum of g * (z - threshold)     over the elements whose region is below
///     dthreshold = sum of -alpha * g          over the elements whose region is below; 0 if alpha is 0
///     dmax_value = sum of g                   over the elements whose region is saturated
///
/// dz is selected, not multiplied: it is +0 if the slope is 0, even if dy is inf or NaN. A sum is over all elements, or
/// over those of each channel.
///
/// Rounding: terms are computed and added in the compute type: float for f16, bf16 and f32, double for f64. The product dz * x
///         of dscale is not rounded before it is added. Except for underflow, |error| <= 2 (log2(n) + 8) eps sum |terms| for n
///         terms. Without elements, sums are 0.
/// Order: the order of the additions depends only on the shape, the dtype, the order of the strides, whether any parameter or
///         sum is per channel, and whether this sum is. So a sum has the same bits in every run, with any number of CPU
///         threads, and beside any other outputs. The CPU and CUDA add in different orders. With accumulate, the order and the
///         workspace are the same.
///
/// Source: x always serves. z is computed again, from the operands of forward.
///         mask serves for all outputs but dscale and dalpha; dmax_value needs u2 if there is a cap. scale, alpha, threshold
///         and max_value are passed as in forward. bias and residual are rejected, because no result depends on them.
///         y serves for all outputs but dscale and dalpha, if the region can be told from it: forward had no operand besides x
///         and bias, alpha >= 0, threshold >= 0, gain > 0, and max_value is infinite, or above 0 and exact in the dtype of y,
///         with a product with the gain that is neither 0 nor infinite in that dtype. Then y > 0 above the threshold, and y is
///         that product if saturated.
///         All sources give the same bits of dx, except if y was rounded across a region's limit, which takes a bias or a gain
///         other than 1: a z above the threshold that is stored as 0 counts as below, and one that is stored as the cap counts
///         as saturated.
/// Shapes, dtypes, layout, synchronisation, device, CPU, errors: as for forward, applied to dy, the source, residual, dx and
///         dresidual. Also InvalidArgument for a workspace that is null, too small, not aligned to 256 bytes, or within the
///         bytes that an operand spans.
/// Aliasing: dx may be the same view as dy or source x, and dresidual the same view as dy. Otherwise, an output that shares a
///         byte with another operand is rejected. Slices of one buffer that share no byte are accepted (two sums in a [C, 2]
///         buffer).
RECTIFY_API void backward(const Relu& relu, const Backward& operands, Stream stream = {});
/// Computes dx = dy * slope(x), selected: backward with the operands dy, x and dx.
RECTIFY_API void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx,
                          Stream stream = {});

/// The bytes that backward needs in Backward::workspace, on the device of dy; 0 if no sum is requested. Rejects
/// whatever backward rejects, except that it checks neither data pointers nor overlaps.
RECTIFY_API std::size_t workspace_bytes(const Relu& relu, const Backward& operands);

/// The narrowest mask with which backward computes dx: u1 if there is no cap or alpha is the scalar 0, otherwise u2.
/// (dmax_value needs u2 if there is a cap.) Throws InvalidArgument for parameters that are not valid in the dtype of x.
RECTIFY_API DType mask_dtype(const Relu& relu, const Forward& operands);

/// The bytes of a mask of `shape`: its bits, rounded up to whole bytes. Throws InvalidArgument unless dtype is u1 or u2.
RECTIFY_API std::size_t mask_bytes(DType dtype, const Shape& shape);

/// True if rectify was built with CUDA, and the machine has a driver and a device. The call initialises CUDA, so that children
/// of a later fork() cannot use it.
RECTIFY_API bool cuda_available() noexcept;

}  // namespace rectify
