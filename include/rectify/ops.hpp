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
  /// Not explicit: a cudaStream_t goes wherever a Stream is requested.
  Stream(CUstream_st* stream) : handle(stream) {}
  CUstream_st* handle = nullptr;  ///< the cudaStream_t; null is the legacy default stream
};

/// Scratch memory of the caller's: workspace_bytes() long, 256-byte aligned, on the tensors' device, one per concurrent call.
struct Workspace {
  void* data = nullptr;   ///< null where there are no sums
  std::size_t bytes = 0;  ///< how much there is at data; more than is needed is fine
};

/// Operands of forward. x is required, and y or mask or both; the others are optional: an absent one performs no operation.
/// In C++20: forward(f, {.x = x, .bias = bias, .y = y}).
///
/// A parameter tensor (scale, bias, alpha, threshold, max_value) has 1 element or one per channel: as many as the axis `channel_axis`
/// of x is long, along one axis ({C}, {1, C, 1, 1}, {1}, rank 0), which in a tensor of x's rank is channel_axis itself. In x's dtype or
/// f32 (f64 with f64).
/// alpha, threshold and max_value override the numbers in Relu, which are validated all the same; the values in a tensor are never
/// looked at: the formula applies as written.
struct Forward {
  ConstTensorView x{};          ///< f16, bf16, f32 or f64
  ConstTensorView scale{};      ///< parameter tensor: x is multiplied by it
  ConstTensorView bias{};       ///< parameter tensor: added, after scale
  ConstTensorView residual{};   ///< of x's shape and dtype: added last
  ConstTensorView alpha{};      ///< parameter tensor instead of Relu::alpha
  ConstTensorView threshold{};  ///< parameter tensor instead of Relu::threshold
  ConstTensorView max_value{};  ///< parameter tensor instead of Relu::max_value
  TensorView y{};               ///< of x's shape and dtype
  /// Where each element fell, for backward: dtype u1 (1 = linear) or u2 (0 below, 1 linear, 2 saturated), x's shape, and dense
  /// strides of its own that give the order of the bits (x's own order is the fast one, with tensors that begin on 16-byte
  /// boundaries). u2 always serves, u1 where mask_dtype() says so. mask_bytes() long, at any address; the lowest bits of the first
  /// byte are the first element's, as in numpy's packbits(bitorder='little'); bits past the last element are 0.
  TensorView mask{};
  int channel_axis = 1;  ///< negative counts from the end; ignored where no parameter has more than 1 element
  double gain = 1;       ///< y is multiplied by it: finite and not 0, also as rounded to the compute type
};

/// Operands of backward. dy and exactly one source (x, y or mask) are required, and one output or more; what the inputs are is said at
/// Forward. gain is forward's, whatever the source.
///
/// A sum (dscale, dbias, dalpha, dthreshold, dmax_value) has 1 element (over everything) or one per channel, whatever the parameter
/// of its name has; its shape is as a parameter tensor's. In f32 (f64 with f64). None needs that parameter but dscale: the sum for a number
/// is what a learner of the number needs. With accumulate, a sum is added to what its tensor holds: old + sum, rounded once.
struct Backward {
  ConstTensorView dy{};         ///< the gradient of y: f16, bf16, f32 or f64
  ConstTensorView x{};          ///< source: forward's x, of dy's shape and dtype
  ConstTensorView y{};          ///< source: forward's y, of dy's shape and dtype
  ConstTensorView mask{};       ///< source: forward's mask, of dy's shape
  ConstTensorView scale{};      ///< forward's
  ConstTensorView bias{};       ///< forward's, with source x; with source y it may be given, and is not read
  ConstTensorView residual{};   ///< forward's, with source x alone
  ConstTensorView alpha{};      ///< forward's
  ConstTensorView threshold{};  ///< forward's
  ConstTensorView max_value{};  ///< forward's
  TensorView dx{};              ///< of dy's shape and dtype
  TensorView dresidual{};       ///< of dy's shape and dtype
  TensorView dscale{};          ///< sum, from x alone
  TensorView dbias{};           ///< sum
  TensorView dalpha{};          ///< sum, from x alone
  TensorView dthreshold{};      ///< sum
  TensorView dmax_value{};      ///< sum
  int channel_axis = 1;         ///< as in forward
  Workspace workspace{};        ///< workspace_bytes() long, where there are sums; not looked at without
  double gain = 1;              ///< forward's: dy is multiplied by it
  bool accumulate = false;      ///< of all sums of the call; not looked at without
};

/// y = value(z) * gain, element by element, and the mask of z, in one pass over the tensors, with
///
///     z = x * scale | x + bias | fma(x, scale, bias) | x           by which of scale and bias are present;  then  + residual
///
/// Each operation, the product with the gain too, rounds to the compute type: float for f16, bf16 and f32, double for f64. The region is
/// that of z as computed, and the store rounds once more. The formula is relu.hpp's. The gain is not one of its parameters: layers that
/// keep the variance of their inputs have one (StyleGAN's are bias, leaky_relu(0.2) and a gain of sqrt 2).
///
/// Shapes: x, residual, y and mask equal, rank 0 to 8, any number of elements, none included. Dtypes: see Forward.
/// Layout: any strides from 0 up; an input of stride 0 is broadcast. Strides of axes with one element are not looked at, nor any of a
///         tensor without elements. No output may overlap itself: sorted, each of its strides exceeds the span of those below.
///         Tensors dense in one common order run the vector kernels, also where x is broadcast along one stretch of axes.
/// Aliasing: y may be x or residual (the same view); y or a mask that shares another byte with anything is rejected. Slices of one buffer
///         that share none are fine (halves of columns, even and odd elements).
/// Synchronisation: CUDA calls are asynchronous on `stream`, allocate nothing and may be captured; CPU calls are synchronous.
/// Device: a call runs on the device of its tensors, whichever is current, and leaves that one current. From CUDA 12 on, making it current
///         again initialises it if the process has not used it yet.
/// On a CPU: 32,768 elements and more are shared out among OpenMP's threads, but not in a child of fork(), where every call runs on one.
///         A call with sums, or with parameters per channel, may allocate memory, once, and frees it at its end. The caller's
///         floating-point environment (rounding, flushing of subnormals, traps, flags) changes no result and is left as it was.
/// Errors: InvalidArgument (numbers in Relu, or a gain, that are not valid; an operand's dtype, shape, device, strides or data; a
///         channel_axis that x has not; a mask of u1 where there is a cap and alpha is not the number 0), Unsupported (negative strides; an output
///         and another operand that may overlap, if their strides are not those of one array and finding out would take too long), on a CPU
///         std::bad_alloc; nothing is written. CudaError.
RECTIFY_API void forward(const Relu& relu, const Forward& operands, Stream stream = {});
/// y = value(x): forward of x and y alone.
RECTIFY_API void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y, Stream stream = {});

/// dx = dz * scale (dz where there is none) and dresidual = dz, in one pass, with g = dy * gain and dz = g * slope(z), selected: where the
/// slope is 0, dz is +0 whatever dy is. In the same pass, the gradients of the parameters, each a sum over the elements of its channel:
///
///     dbias = sum dz      dscale = sum dz * x      dalpha = sum of g * (z - threshold), below
///     dthreshold = sum of -alpha * g, below (0 where alpha is)               dmax_value = sum of g, where saturated
///
/// Terms are computed, and added, in the compute type (float for f16, bf16 and f32, double for f64; dscale's product is not rounded
/// before it is added), in an order that depends on nothing but the shape, the dtype, the order of the strides, whether any parameter or
/// sum is per channel, and whether this sum is: the same bits in every run, on a CPU with any number of threads, and beside any other
/// outputs. CPU and CUDA add in different orders. |error| <= 2 (log2(n) + 8) eps sum |terms| for n terms (underflow apart). Without
/// elements, sums are 0. With accumulate, order and workspace are the same, and the rounding of old + sum comes on top.
///
/// Source: x, always: z is computed again from the operands of forward.
///         mask, written by forward of the same operands: scale, alpha, threshold and max_value are given again; bias and residual
///         are rejected, as nothing depends on them. Not dscale, not dalpha; dmax_value from u2 only where there is a cap.
///         y, where the region can be read off it: forward had no operand beside x and bias, alpha >= 0, threshold >= 0, gain > 0, and
///         max_value is infinite, or above 0 and exact in y's dtype, with a product with the gain that y holds as neither 0 nor infinite.
///         Then y > 0 above the threshold, and y is that product where saturated. Not dscale, not dalpha.
///         All three give the same bits of dx, but where the rounding of y hides the region. That takes a bias or a gain other than 1:
///         a z above the threshold that is stored as 0 counts as below, one that is stored as the cap counts as saturated.
/// Shapes, dtypes, layout, synchronisation, errors: as forward, over dy, the source, residual, dx and dresidual; and InvalidArgument
///         for a workspace that is null, too small, not on a boundary of 256 bytes, or within the bytes that an operand spans.
/// Aliasing: dx may be dy or x, dresidual may be dy (the same view); an output that shares another byte with anything is rejected. Slices of
///         one buffer that share none are fine (sums in a [C, 2] buffer).
RECTIFY_API void backward(const Relu& relu, const Backward& operands, Stream stream = {});
/// dx = dy * slope(x), selected: backward of dy, x and dx alone.
RECTIFY_API void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx,
                          Stream stream = {});

/// Bytes that backward needs in Backward::workspace, on the device of dy; 0 where no sum is requested. Data pointers and overlaps are
/// not looked at; anything else that backward rejects is rejected here.
RECTIFY_API std::size_t workspace_bytes(const Relu& relu, const Backward& operands);

/// The narrowest mask that serves backward: u1 where there is no cap or alpha is the number 0, else u2. Throws InvalidArgument
/// for parameters that are not valid in x's dtype.
RECTIFY_API DType mask_dtype(const Relu& relu, const Forward& operands);

/// Bytes of a mask over `shape`: its bits, rounded up to whole bytes. Throws InvalidArgument unless dtype is u1 or u2.
RECTIFY_API std::size_t mask_bytes(DType dtype, const Shape& shape);

/// True where rectify was built with CUDA and the machine has a driver and a device. It asks CUDA, which is then initialised: no child of
/// fork() can use it from there on.
RECTIFY_API bool cuda_available() noexcept;

}  // namespace rectify
