// What rectify throws. The type is API; the text (operand, expected, got) is for people and may change.
#pragma once

#include <rectify/detail/host_device.hpp>

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

}  // namespace rectify

#if defined(__clang__)
#pragma clang diagnostic pop
#endif
