// The C ABI: the verbs of ops.hpp over the same operands, for C and for any language that calls it. What an operand means, and
// its shape and dtype, are said there once; this page says what a C caller writes.
//
// Every call may be made from any thread. Nothing is thrown, printed or exited from, but for OpenMP's runtime: if it cannot make a
// thread, GCC's prints a message and calls exit(1). CPU calls of fewer than 32,768 elements, and those in a child of fork(), make none.
// A rejected call writes nothing.
// Structs are plain: numbers of fixed width, arrays in place, no padding. Zero in every byte is a sound start for tensors and,
// but for struct_size, for operands.
#pragma once

/// @file
/// The C ABI: the verbs of ops.hpp over the same operands.

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define RECTIFY_C_API __attribute__((visibility("default")))
#else
#define RECTIFY_C_API
#endif
#ifdef __cplusplus
#define RECTIFY_NOEXCEPT noexcept
extern "C" {
#else
#define RECTIFY_NOEXCEPT
#endif

/// Of this header: 10000 * major + 100 * minor + patch. rectify_version() is the library's.
#define RECTIFY_VERSION 200

/// What became of a call. Codes to come count on from here.
typedef int32_t rectify_status;
enum {
  RECTIFY_OK = 0,
  RECTIFY_INVALID_ARGUMENT = 1,  ///< an argument breaks the contract; nothing was written
  RECTIFY_UNSUPPORTED = 2,       ///< sound, but not served by this build or version; nothing was written
  RECTIFY_CUDA_ERROR = 3,        ///< a call of the CUDA runtime failed, see rectify_last_cuda_error(); outputs are unspecified
  RECTIFY_INTERNAL_ERROR = 4     ///< out of memory, or a fault of the library; outputs are unspecified
};

/// Values of rectify_tensor::dtype. RECTIFY_U1 and RECTIFY_U2 are masks, of one and two bits per element.
enum { RECTIFY_NONE = 0, RECTIFY_F16 = 1, RECTIFY_BF16 = 2, RECTIFY_F32 = 3, RECTIFY_F64 = 4, RECTIFY_U1 = 5, RECTIFY_U2 = 6 };
/// Values of rectify_tensor::device.
enum { RECTIFY_CPU = 0, RECTIFY_CUDA = 1 };
/// Values of rectify_tensor::layout.
enum { RECTIFY_ROW_MAJOR = 0, RECTIFY_STRIDED = 1 };
enum { RECTIFY_MAX_RANK = 8 };

/// The function's three numbers, as in relu.hpp: {alpha, threshold, max_value}. There will be no fourth.
typedef struct rectify_relu {
  double alpha;      ///< slope below the threshold
  double threshold;  ///< itself below
  double max_value;  ///< infinity for no cap; 0 is a cap at 0
} rectify_relu;

/// No cap, slope 0 below 0: ReLU.
#define RECTIFY_RELU_INIT \
  { 0.0, 0.0, HUGE_VAL }

/// A tensor of the caller's. One that is zero in every byte is absent; one with a dtype is present, also without elements, when
/// its data may be null. The data of an input is never written.
typedef struct rectify_tensor {
  void* data;                         ///< of the first element
  int32_t dtype;                      ///< RECTIFY_F16, ...
  int32_t device;                     ///< RECTIFY_CPU or RECTIFY_CUDA
  int32_t device_index;               ///< of the CUDA device
  int32_t rank;                       ///< 0 to RECTIFY_MAX_RANK; 0 is a single element
  int32_t layout;                     ///< RECTIFY_ROW_MAJOR, or RECTIFY_STRIDED where strides count
  int32_t reserved;                   ///< 0
  int64_t shape[RECTIFY_MAX_RANK];    ///< extents, outermost first; not looked at from rank on
  int64_t strides[RECTIFY_MAX_RANK];  ///< in elements; not looked at from rank on, nor if RECTIFY_ROW_MAJOR
} rectify_tensor;

/// Operands of rectify_forward, and what struct rectify::Forward says of them. In C:
///
///     rectify_forward_operands operands = {RECTIFY_FORWARD_INIT, .x = x, .y = y};
///
/// struct_size tells the library which version of the struct it is given: new fields are added at the end, and zeros in them
/// mean what their absence did. A struct longer than the library's own is served where the rest is zero, else
/// RECTIFY_UNSUPPORTED.
typedef struct rectify_forward_operands {
  size_t struct_size;        ///< sizeof(rectify_forward_operands)
  int32_t channel_axis;      ///< 1 in C++ where not said otherwise; here as given
  int32_t reserved;          ///< 0
  rectify_tensor x;          ///< as the fields of these names in rectify::Forward
  rectify_tensor scale;      ///< see x
  rectify_tensor bias;       ///< see x
  rectify_tensor residual;   ///< see x
  rectify_tensor alpha;      ///< see x
  rectify_tensor threshold;  ///< see x
  rectify_tensor max_value;  ///< see x
  rectify_tensor y;          ///< see x
  rectify_tensor mask;       ///< see x
  double gain;               ///< as in C++, and 0 stands for 1; not in the first version
} rectify_forward_operands;

/// First in the braces: zero for all that is not named after it.
#define RECTIFY_FORWARD_INIT .struct_size = sizeof(rectify_forward_operands), .channel_axis = 1

/// Operands of rectify_backward, and what struct rectify::Backward says of them.
typedef struct rectify_backward_operands {
  size_t struct_size;         ///< sizeof(rectify_backward_operands)
  int32_t channel_axis;       ///< 1 in C++ where not said otherwise; here as given
  int32_t reserved;           ///< 0
  rectify_tensor dy;          ///< as the fields of these names in rectify::Backward
  rectify_tensor x;           ///< see dy
  rectify_tensor y;           ///< see dy
  rectify_tensor mask;        ///< see dy
  rectify_tensor scale;       ///< see dy
  rectify_tensor bias;        ///< see dy
  rectify_tensor residual;    ///< see dy
  rectify_tensor alpha;       ///< see dy
  rectify_tensor threshold;   ///< see dy
  rectify_tensor max_value;   ///< see dy
  rectify_tensor dx;          ///< see dy
  rectify_tensor dresidual;   ///< see dy
  rectify_tensor dscale;      ///< see dy
  rectify_tensor dbias;       ///< see dy
  rectify_tensor dalpha;      ///< see dy
  rectify_tensor dthreshold;  ///< see dy
  rectify_tensor dmax_value;  ///< see dy
  void* workspace;            ///< 256-byte aligned, on the tensors' device; null where no sum is requested
  size_t workspace_bytes;     ///< rectify_workspace_bytes() at least
  double gain;                ///< as in C++, and 0 stands for 1; not in the first version, nor is what follows
  int32_t accumulate;         ///< 1: sums are added to what is there; 0: they replace it
  int32_t reserved_too;       ///< 0
} rectify_backward_operands;

/// As RECTIFY_FORWARD_INIT.
#define RECTIFY_BACKWARD_INIT .struct_size = sizeof(rectify_backward_operands), .channel_axis = 1

/// rectify::forward and rectify::backward. `stream` is a cudaStream_t; null is the legacy default stream, and CPU calls ignore
/// it. The structs may go when the call has returned, the data they point to when the work is done.
/// Errors: those of the C++ verbs; RECTIFY_INVALID_ARGUMENT for null, a struct_size of no version, a value that no
///         enum above has, a rank outside 0 to 8, an absent tensor that is not all zero, a reserved field that is not zero, an
///         accumulate other than 0 and 1.
RECTIFY_C_API rectify_status rectify_forward(const rectify_relu* relu, const rectify_forward_operands* operands,
                                             void* stream) RECTIFY_NOEXCEPT;
/// See rectify_forward.
RECTIFY_C_API rectify_status rectify_backward(const rectify_relu* relu, const rectify_backward_operands* operands,
                                              void* stream) RECTIFY_NOEXCEPT;

/// The sizing functions of ops.hpp. The answer is written to the last argument, on success alone.
RECTIFY_C_API rectify_status rectify_workspace_bytes(const rectify_relu* relu, const rectify_backward_operands* operands,
                                                     size_t* bytes) RECTIFY_NOEXCEPT;
/// RECTIFY_U1 or RECTIFY_U2. x must be there, for its dtype.
RECTIFY_C_API rectify_status rectify_mask_dtype(const rectify_relu* relu, const rectify_forward_operands* operands,
                                                int32_t* dtype) RECTIFY_NOEXCEPT;
/// `shape` is `rank` extents.
RECTIFY_C_API rectify_status rectify_mask_bytes(int32_t dtype, const int64_t* shape, int32_t rank,
                                                size_t* bytes) RECTIFY_NOEXCEPT;

/// 1 where rectify was built with CUDA and the machine has a driver and a device, else 0. It asks CUDA, which is then initialised: no child
/// of fork() can use it from there on.
RECTIFY_C_API int32_t rectify_cuda_available(void) RECTIFY_NOEXCEPT;

/// What went wrong in this thread's last call that returned a status: the operand, what was expected, what came. Empty after
/// RECTIFY_OK. Never null; the text is for people and may change. Valid until the thread's next such call, its end, or dlclose.
RECTIFY_C_API const char* rectify_last_error(void) RECTIFY_NOEXCEPT;
/// The cudaError_t of this thread's last call that returned a status; 0 unless that was RECTIFY_CUDA_ERROR.
RECTIFY_C_API int32_t rectify_last_cuda_error(void) RECTIFY_NOEXCEPT;

/// A status in words: "invalid argument". Never null, also for a number that is no status.
RECTIFY_C_API const char* rectify_status_string(rectify_status status) RECTIFY_NOEXCEPT;
/// The library's version, as RECTIFY_VERSION.
RECTIFY_C_API int32_t rectify_version(void) RECTIFY_NOEXCEPT;

#ifdef __cplusplus
}
#endif
