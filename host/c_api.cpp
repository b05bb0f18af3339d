// The C ABI (rectify/rectify.h). Each function converts its arguments (c_structs.hpp), calls the C++ function of the same name
// (ops.cpp), and turns an exception into a status.
#include "c_structs.hpp"

#include <cstdio>
#include <exception>
#include <new>

namespace rectify {
namespace {

/// The last error of a thread. These objects have no destructors, because a thread may end after the library has been unloaded
/// by dlclose. They allocate nothing, because "out of memory" must be stored too.
thread_local char last_error[1024];
thread_local int last_cuda_error;

rectify_status report(rectify_status status, const char* text, int cuda_error = 0) noexcept {
  std::snprintf(last_error, sizeof last_error, "%s", text);
  last_cuda_error = cuda_error;
  return status;
}

/// The only place where exceptions become codes. To be called in a catch block.
rectify_status report_exception() noexcept {
  try {
    throw;
  } catch (const InvalidArgument& error) {
    return report(RECTIFY_INVALID_ARGUMENT, error.what());
  } catch (const Unsupported& error) {
    return report(RECTIFY_UNSUPPORTED, error.what());
  } catch (const CudaError& error) {
    return report(RECTIFY_CUDA_ERROR, error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return report(RECTIFY_INTERNAL_ERROR, "out of memory");
  } catch (const std::exception& error) {
    return report(RECTIFY_INTERNAL_ERROR, error.what());
  } catch (...) {
    return report(RECTIFY_INTERNAL_ERROR, "an exception that is not a std::exception");
  }
}

template <class Call>
rectify_status status_of(const Call& call) noexcept {
  try {
    call();
  } catch (...) {
    return report_exception();
  }
  last_error[0] = '\0';
  last_cuda_error = 0;
  return RECTIFY_OK;
}

Stream stream_of(void* stream) { return static_cast<CUstream_st*>(stream); }

}  // namespace
}  // namespace rectify

using namespace rectify;
using namespace rectify::detail;

rectify_status rectify_forward(const rectify_relu* relu, const rectify_forward_operands* operands, void* stream) noexcept {
  return status_of([&] { forward(relu_of(relu), forward_of(operands), stream_of(stream)); });
}

rectify_status rectify_backward(const rectify_relu* relu, const rectify_backward_operands* operands, void* stream) noexcept {
  return status_of([&] { backward(relu_of(relu), backward_of(operands), stream_of(stream)); });
}

rectify_status rectify_workspace_bytes(const rectify_relu* relu, const rectify_backward_operands* operands,
                                       size_t* bytes) noexcept {
  return status_of([&] { require_pointer("bytes", bytes) = workspace_bytes(relu_of(relu), backward_of(operands)); });
}

rectify_status rectify_mask_dtype(const rectify_relu* relu, const rectify_forward_operands* operands, int32_t* dtype) noexcept {
  return status_of([&] {
    const DType narrowest = mask_dtype(relu_of(relu), forward_of(operands));
    require_pointer("dtype", dtype) = RECTIFY_F16 + static_cast<int>(narrowest);
  });
}

rectify_status rectify_mask_bytes(int32_t dtype, const int64_t* shape, int32_t rank, size_t* bytes) noexcept {
  return status_of([&] {
    const Shape extents = mask_shape_of(shape, rank);
    require_pointer("bytes", bytes) = mask_bytes(dtype_of("mask", dtype), extents);
  });
}

int32_t rectify_cuda_available(void) noexcept { return cuda_available() ? 1 : 0; }

const char* rectify_last_error(void) noexcept { return last_error; }

int32_t rectify_last_cuda_error(void) noexcept { return last_cuda_error; }

const char* rectify_status_string(rectify_status status) noexcept {
  constexpr const char* texts[] = {"success", "invalid argument", "unsupported", "CUDA error", "internal error"};
  return status >= RECTIFY_OK && status <= RECTIFY_INTERNAL_ERROR ? texts[status] : "unknown status";
}

int32_t rectify_version(void) noexcept { return RECTIFY_VERSION; }
