// What rectify throws. The type is API; the text (operand, expected, got) is for people and may change. A program that asks an exception for
// its type at run time (typeid, dynamic_cast) must have no file compiled with -fno-rtti that includes this one.
#pragma once

#include <rectify/detail/host_device.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables"  // the function objects throw these without a library to link
#endif

namespace rectify {

/// Base of everything that rectify throws.
class RECTIFY_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument breaks the contract of the call. Nothing was launched, no output was written.
class RECTIFY_API InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// The arguments are sound, but this build or this version cannot serve them. Nothing was launched, no output was written.
class RECTIFY_API Unsupported : public Error {
 public:
  using Error::Error;
};

/// A call of the CUDA runtime failed. Outputs are unspecified.
class RECTIFY_API CudaError : public Error {
 public:
  /// code: a cudaError_t; text: the call that failed, and what CUDA says of it.
  CudaError(int code, const std::string& text) : Error(text), code_(code) {}

  /// The cudaError_t, as an int so that no CUDA header is needed here.
  int code() const noexcept { return code_; }

 private:
  int code_;
};

namespace detail {
inline namespace RECTIFY_COPY {

/// throw, for the code of headers. In a file compiled without exceptions, where nothing can be caught: the text, and the end.
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
