// The C ABI: the functions of ops.hpp with the same operands, for C and for every language that can call C. ops.hpp documents
// what each operand means, its shape and its dtype; this header documents only how a C caller passes them. Implemented by
// host/c_api.cpp.
//
// Every function may be called from any thread. The library never throws, prints or exits. OpenMP's runtime may: if it cannot
// start a thread, GCC's prints a message and calls exit(1). CPU calls of fewer than 32,768 elements, and calls in a child of
// fork(), start no thread. A rejected call writes nothing.
//
// Structs consist of numbers of fixed width and arrays of them, without padding. Zero in every byte is a valid initial value:
// of a tensor, which is then absent, and of operands, except for struct_size.
#pragma once

/// @file
/// The C ABI: the functions of ops.hpp with the same operands.

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

/// The version of this header: 10000 * major + 100 * minor + patch. rectify_version() returns that of the library.
#define RECTIFY_VERSION 200

/// The result of a call. Later versions may add codes above these.
typedef int32_t rectify_status;
enum {
  RECTIFY_OK = 0,
  RECTIFY_INVALID_ARGUMENT = 1,  ///< an argument breaks the contract; nothing was written
  RECTIFY_UNSUPPORTED = 2,    ///< the arguments are valid, but this build or version does not support them; nothing was written
  RECTIFY_CUDA_ERROR = 3,     ///< a call of the CUDA runtime failed (rectify_last_cuda_error()); outputs are unspecified
  RECTIFY_INTERNAL_ERROR = 4  ///< out of memory, or an error in the library; outputs are unspecified
};

/// Values of rectify_tensor::dtype. RECTIFY_U1 and RECTIFY_U2 are masks, of one and two bits per element.
enum { RECTIFY_NONE = 0, RECTIFY_F16 = 1, RECTIFY_BF16 = 2, RECTIFY_F32 = 3, RECTIFY_F64 = 4, RECTIFY_U1 = 5, RECTIFY_U2 = 6 };
/// Values of rectify_tensor::device.
enum { RECTIFY_CPU = 0, RECTIFY_CUDA = 1 };
/// Values of rectify_tensor::layout.
enum { RECTIFY_ROW_MAJOR = 0, RECTIFY_STRIDED = 1 };
enum { RECTIFY_MAX_RANK = 8 };

/// The parameters of the function, as in relu.hpp: {alpha, threshold, max_value}. Later versions will not add a member.
typedef struct rectify_relu {
  double alpha;      ///< slope below the threshold
  double threshold;  ///< x == threshold is below
  double max_value;  ///< the cap: infinity for none; 0 is a cap at 0
} rectify_relu;

/// ReLU: alpha 0, threshold 0, and no cap.
#define RECTIFY_RELU_INIT \
  { 0.0, 0.0, HUGE_VAL }

/// A tensor. It is absent if all its bytes are zero, and present if it has a dtype, even without elements; its data may then be
/// null. The data of an input is never written.
typedef struct rectify_tensor {
  void* data;                         ///< the address of the first element
  int32_t dtype;                      ///< RECTIFY_F16, ...
  int32_t device;                     ///< RECTIFY_CPU or RECTIFY_CUDA
  int32_t device_index;               ///< of a CUDA device, as in cudaSetDevice; 0 for the CPU
  int32_t rank;                       ///< 0 to RECTIFY_MAX_RANK; 0 is a single element
  int32_t layout;                     ///< RECTIFY_ROW_MAJOR, or RECTIFY_STRIDED to use the strides
  int32_t reserved;                   ///< 0
  int64_t shape[RECTIFY_MAX_RANK];    ///< extents, outermost axis first; those from rank on are ignored
  int64_t strides[RECTIFY_MAX_RANK];  ///< in elements; ignored from rank on, and if RECTIFY_ROW_MAJOR
} rectify_tensor;

/// The operands of rectify_forward, which rectify::Forward in ops.hpp documents. In C:
///
///     rectify_forward_operands operands = {RECTIFY_FORWARD_INIT, .x = x, .y = y};
///
/// struct_size tells the library which version of the struct it gets. Later versions add fields at the end, in which zero means
/// what the absence of the field did. If a struct is longer than the library's own, its additional bytes must be zero; if not,
/// the call returns RECTIFY_UNSUPPORTED.
typedef struct rectify_forward_operands {
  size_t struct_size;        ///< sizeof(rectify_forward_operands)
  int32_t channel_axis;      ///< as in rectify::Forward; RECTIFY_FORWARD_INIT sets it to 1
  int32_t reserved;          ///< 0
  rectify_tensor x;          ///< as the field of this name in rectify::Forward; so are the following
  rectify_tensor scale;      ///< see x
  rectify_tensor bias;       ///< see x
  rectify_tensor residual;   ///< see x
  rectify_tensor alpha;      ///< see x
  rectify_tensor threshold;  ///< see x
  rectify_tensor max_value;  ///< see x
  rectify_tensor y;          ///< see x
  rectify_tensor mask;       ///< see x
  double gain;               ///< as in C++, but 0 means 1; the first version ended before this field
} rectify_forward_operands;

/// The first initialiser of rectify_forward_operands: sets struct_size, and channel_axis to 1. Fields that are not named after
/// it are zero.
#define RECTIFY_FORWARD_INIT .struct_size = sizeof(rectify_forward_operands), .channel_axis = 1

/// The operands of rectify_backward, which rectify::Backward in ops.hpp documents.
typedef struct rectify_backward_operands {
  size_t struct_size;         ///< sizeof(rectify_backward_operands)
  int32_t channel_axis;       ///< as in rectify::Backward; RECTIFY_BACKWARD_INIT sets it to 1
  int32_t reserved;           ///< 0
  rectify_tensor dy;          ///< as the field of this name in rectify::Backward; so are the following
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
  void* workspace;            ///< aligned to 256 bytes, on the tensors' device; null if no sum is requested
  size_t workspace_bytes;     ///< at least rectify_workspace_bytes()
  double gain;                ///< as in C++, but 0 means 1; the first version ended before this field
  int32_t accumulate;         ///< 1: sums are added to what their tensors hold; 0: they replace it
  int32_t reserved_too;       ///< 0
} rectify_backward_operands;

/// The first initialiser of rectify_backward_operands: sets struct_size, and channel_axis to 1.
#define RECTIFY_BACKWARD_INIT .struct_size = sizeof(rectify_backward_operands), .channel_axis = 1

/// rectify::forward in C. `stream` is a cudaStream_t; null is the legacy default stream, and CPU calls ignore it. The structs
/// may be freed when the call has returned, the data of their tensors when the work on the stream is done.
/// Errors: those of the C++ function. Also RECTIFY_INVALID_ARGUMENT for a null pointer to a struct, a struct_size of no
///         version, a value that is in no enum above, a rank outside 0 to 8, an absent tensor with a byte that is not zero, a
///         reserved field that is not zero, and an accumulate other than 0 and 1.
RECTIFY_C_API rectify_status rectify_forward(const rectify_relu* relu, const rectify_forward_operands* operands,
                                             void* stream) RECTIFY_NOEXCEPT;
/// rectify::backward in C. `stream`, lifetimes and errors are as for rectify_forward.
RECTIFY_C_API rectify_status rectify_backward(const rectify_relu* relu, const rectify_backward_operands* operands,
                                              void* stream) RECTIFY_NOEXCEPT;

/// rectify::workspace_bytes in C. The result is written to *bytes if the call succeeds. Errors: as for rectify_backward.
RECTIFY_C_API rectify_status rectify_workspace_bytes(const rectify_relu* relu, const rectify_backward_operands* operands,
                                                     size_t* bytes) RECTIFY_NOEXCEPT;
/// rectify::mask_dtype in C: RECTIFY_U1 or RECTIFY_U2 is written to *dtype if the call succeeds. x must be present, for its
/// dtype.
RECTIFY_C_API rectify_status rectify_mask_dtype(const rectify_relu* relu, const rectify_forward_operands* operands,
                                                int32_t* dtype) RECTIFY_NOEXCEPT;
/// rectify::mask_bytes in C, for a shape of `rank` extents. The result is written to *bytes if the call succeeds.
RECTIFY_C_API rectify_status rectify_mask_bytes(int32_t dtype, const int64_t* shape, int32_t rank,
                                                size_t* bytes) RECTIFY_NOEXCEPT;

/// 1 if rectify was built with CUDA and the machine has a driver and a device, otherwise 0. The call initialises CUDA, so that
/// children of a later fork() cannot use it.
RECTIFY_C_API int32_t rectify_cuda_available(void) RECTIFY_NOEXCEPT;

/// The error text of the last call of this thread that returned a status: the operand, what was expected, and what the call
/// got. It is empty after RECTIFY_OK and never null. The text is for people and may change. The pointer is valid until the next
/// such call of the thread, its end, or dlclose.
RECTIFY_C_API const char* rectify_last_error(void) RECTIFY_NOEXCEPT;
/// The cudaError_t of the last call of this thread that returned a status; 0 unless that status was RECTIFY_CUDA_ERROR.
RECTIFY_C_API int32_t rectify_last_cuda_error(void) RECTIFY_NOEXCEPT;

/// A status in words, as "invalid argument". Never null, also for a value that is no status.
RECTIFY_C_API const char* rectify_status_string(rectify_status status) RECTIFY_NOEXCEPT;
/// The version of the library, in the format of RECTIFY_VERSION.
RECTIFY_C_API int32_t rectify_version(void) RECTIFY_NOEXCEPT;

#ifdef __cplusplus
}
#endif
