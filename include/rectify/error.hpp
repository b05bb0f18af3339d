// The exceptions of rectify. Their types are part of the interface. Their texts, "operand: expected ..., got ...", are for
// people and may change. A program that looks at the type of an exception at run time (typeid, dynamic_cast) must not include
// this header in a file that is compiled with -fno-rtti.
#pragma once

#include <rectify/detail/host_device.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // header-only code throws these, so no library file can hold their vtables
#endif

namespace rectify {

/// The base of the exceptions of rectify. (On the CPU, std::bad_alloc may be thrown too.)
class RECTIFY_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument breaks the contract of the call. Nothing was launched and no output was written.
class RECTIFY_API InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// The arguments are valid, but this build or version does not support them. Nothing was launched and no output was written.
class RECTIFY_API Unsupported : public Error {
 public:
  using Error::Error;
};

/// A call of the CUDA runtime failed. The contents of the outputs are unspecified.
class RECTIFY_API CudaError : public Error {
 public:
  /// `code` is a cudaError_t. `text` names the call that failed and the error.
  CudaError(int code, const std::string& text) : Error(text), code_(code) {}

  /// The cudaError_t. It is an int, so that this header needs none of CUDA's.
  int code() const noexcept { return code_; }

 private:
  int code_;
};

namespace detail {
inline namespace RECTIFY_COPY {

/// Throws `error`; all code in headers throws by this function. In a file that is compiled without exceptions, it prints the
/// text and aborts.
template <class E>
[[noreturn]] void raise(const E& error) {
#if defined(RECTIFY_NO_EXCEPTIONS)
  std::fprintf(stderr, "rectify: %s\n", error.what());
  std::abort();
#else
  throw error;
#endif
}

}  // namespace RECTIFY_COPY
}  // namespace detail

}  // namespace rectify

#if defined(__clang__)
#pragma clang diagnostic pop
#endif
