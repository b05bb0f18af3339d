// See xla.hpp.
#include "xla.hpp"

#include "build_info.hpp"
#include "errors.hpp"
#include "operand.hpp"
#include "xla_call.hpp"
#include "xla_layout.hpp"

#include <rectify/ops.hpp>

#include <algorithm>
#include <cstdint>
#include <new>

namespace rectify::python {
namespace {

// --- Calls of the library ---------------------------------------------------------------------------------------------------

void run(const XlaCall<Forward>& call, Stream stream) {
  for (std::int64_t i = 0; i < call.count(); ++i) rectify::forward(call.function(), call.operands(i), stream);
}

/// The workspace, if the last result is one: the only one of bytes. XLA's boundaries are narrower on the CPU.
Workspace workspace_in(const xla::Buffer& bytes) {
  if (bytes.dtype != xla::u8) return {};
  const std::size_t skipped = bytes_before_boundary(bytes.data);
  const auto size = static_cast<std::size_t>(bytes.dims[bytes.rank - 1]);
  return {static_cast<char*>(bytes.data) + skipped, size - std::min(size, skipped)};
}

/// With several calls, the first example's workspace serves for all: they run one after another.
void run(const XlaCall<Backward>& call, Stream stream) {
  for (std::int64_t i = 0; i < call.count(); ++i) {
    Backward operands = call.operands(i);
    operands.workspace = workspace_in(call.last_result());
    rectify::backward(call.function(), operands, stream);
  }
}

// --- Functions that XLA calls -----------------------------------------------------------------------------------------------

bool is_question(const xla::Call& call) {
  return call.extensions != nullptr && call.extensions->kind == xla::metadata_extension;
}

/// Tells XLA its own version, if the layouts are known to be the same there, because XLA drops old versions after a year.
void answer(const xla::Call& call) {
  const std::int32_t theirs = call.api != nullptr ? call.api->version.minor : xla::first_minor_version;
  xla::Metadata& metadata = *reinterpret_cast<xla::MetadataExtension*>(call.extensions)->metadata;
  metadata.version.major = xla::major_version;
  metadata.version.minor = std::clamp(theirs, xla::first_minor_version, xla::last_minor_version);
  metadata.traits = xla::may_be_recorded;
}

xla::Error* error(const xla::Call& call, xla::ErrorCode code, const char* text) {
  xla::NewError arguments = {sizeof arguments, nullptr, text, code};
  return call.api->new_error(&arguments);
}

/// Runs a call on the device and the stream that XLA has for it. Null is success.
template <class Operands>
xla::Error* run_on_cuda(const xla::Call& call) {
  xla::GetStream stream = {sizeof stream, nullptr, call.context, nullptr};
  if (xla::Error* const failed = call.api->get_stream(&stream)) return failed;
  if (call.api->struct_size < sizeof(xla::Api)) reject<Unsupported>("jaxlib", "version 0.6 or later, for CUDA", "an older one");
  xla::GetDeviceOrdinal device = {sizeof device, nullptr, call.context, 0};
  if (xla::Error* const failed = call.api->get_device_ordinal(&device)) return failed;
  require_cuda_build("x", device.ordinal);
  try {
    run(XlaCall<Operands>(call, Device::cuda(device.ordinal)), static_cast<CUstream_st*>(stream.stream));
  } catch (const CudaError& failure) {
    rethrow(failure, device.ordinal);
  }
  return nullptr;
}

template <class Operands, Device::Kind kind>
xla::Error* function(xla::Call* call) {
  if (is_question(*call)) {
    answer(*call);
    return nullptr;
  }
  try {
    if constexpr (kind == Device::Kind::cuda) return run_on_cuda<Operands>(*call);
    run(XlaCall<Operands>(*call, Device::cpu()), {});
    return nullptr;
  } catch (const InvalidArgument& failure) {
    return error(*call, xla::invalid_argument, failure.what());
  } catch (const Unsupported& failure) {
    return error(*call, xla::unimplemented, failure.what());
  } catch (const std::bad_alloc&) {
    return error(*call, xla::resource_exhausted, "out of memory");
  } catch (const std::exception& failure) {
    return error(*call, xla::internal, failure.what());
  }
}

PyObject* capsule(xla::Function* function) {
  return PyCapsule_New(reinterpret_cast<void*>(function), "xla._CUSTOM_CALL_TARGET", nullptr);
}

}  // namespace

PyObject* xla_functions(PyObject*, PyObject*) {
  constexpr Device::Kind cpu = Device::Kind::cpu, cuda = Device::Kind::cuda;
  return Py_BuildValue("{(ss):N,(ss):N,(ss):N,(ss):N}", "rectify_forward", "cpu", capsule(function<Forward, cpu>),
                       "rectify_backward", "cpu", capsule(function<Backward, cpu>), "rectify_forward", "CUDA",
                       capsule(function<Forward, cuda>), "rectify_backward", "CUDA", capsule(function<Backward, cuda>));
}

}  // namespace rectify::python
