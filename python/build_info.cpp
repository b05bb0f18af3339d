// See build_info.hpp. CMakeLists.txt defines RECTIFY_VERSION_TEXT, RECTIFY_COMPILER, RECTIFY_ARCHITECTURES (a list with commas)
// and, in a build with CUDA, RECTIFY_CUDA_VERSION.
#include "build_info.hpp"

#include "errors.hpp"

#include <rectify/ops.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#if defined(RECTIFY_CUDA_VERSION)
#include <cuda_runtime_api.h>
#endif

namespace rectify::python {
namespace {

/// A GPU.
struct Gpu {
  std::string name;
  std::string capability;  ///< its compute capability: "9.0"
};

/// "13.0" of 13000
[[maybe_unused]] std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

#if defined(RECTIFY_CUDA_VERSION)

constexpr bool has_cuda = true;
constexpr const char* cuda_version = RECTIFY_CUDA_VERSION;

/// The newest CUDA that the driver knows; empty without a driver.
std::string driver_version() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess && version > 0 ? cuda_version_text(version) : "";
}

/// "9.0"; empty if there is no such device.
std::string capability_of(int device) {
  int major = 0, minor = 0;
  const bool known = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
                     cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess;
  if (!known) cudaGetLastError();
  return known ? std::to_string(major) + "." + std::to_string(minor) : "";
}

std::vector<Gpu> gpus() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    count = 0;
  }
  std::vector<Gpu> all;
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties;
    const bool known = cudaGetDeviceProperties(&properties, device) == cudaSuccess;
    if (!known) cudaGetLastError();
    all.push_back({known ? properties.name : "unknown", capability_of(device)});
  }
  return all;
}

/// Whether an error says that the module has no code for the device.
bool lacks_code(int code) {
  return code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction ||
         code == cudaErrorUnsupportedPtxVersion;
}

#else

constexpr bool has_cuda = false;
constexpr const char* cuda_version = nullptr;
std::string driver_version() { return ""; }
std::string capability_of(int) { return ""; }
std::vector<Gpu> gpus() { return {}; }
bool lacks_code(int) { return false; }

#endif

/// A list of str.
PyObject* new_list(const std::string& with_commas) {
  PyObject* const list = PyList_New(0);
  for (std::size_t begin = 0; list != nullptr && begin < with_commas.size();) {
    const std::size_t end = std::min(with_commas.find(',', begin), with_commas.size());
    PyObject* const text = PyUnicode_FromStringAndSize(with_commas.data() + begin, static_cast<Py_ssize_t>(end - begin));
    if (text != nullptr) PyList_Append(list, text);
    Py_XDECREF(text);
    begin = end + 1;
  }
  return list;
}

}  // namespace

PyObject* build(PyObject*, PyObject*) {
  return Py_BuildValue("{s:s,s:O,s:z,s:N,s:s}", "version", RECTIFY_VERSION_TEXT, "cuda", has_cuda ? Py_True : Py_False,
                       "cuda_version", cuda_version, "architectures", new_list(RECTIFY_ARCHITECTURES), "compiler",
                       RECTIFY_COMPILER);
}

PyObject* cuda_available(PyObject*, PyObject*) {
  return guarded([] {
    bool available = false;
    without_gil([&] { available = rectify::cuda_available(); });  // the first call loads the driver
    return PyBool_FromLong(available);
  });
}

PyObject* cuda_devices(PyObject*, PyObject*) {
  return guarded([] {
    std::string driver;
    std::vector<Gpu> all;
    without_gil([&] {
      driver = driver_version();
      all = gpus();
    });
    PyObject* const list = PyList_New(0);
    for (const Gpu& gpu : all) {
      PyObject* const pair = list != nullptr ? Py_BuildValue("(ss)", gpu.name.c_str(), gpu.capability.c_str()) : nullptr;
      if (pair != nullptr) PyList_Append(list, pair);
      Py_XDECREF(pair);
    }
    return Py_BuildValue("(zN)", driver.empty() ? nullptr : driver.c_str(), list);
  });
}

void require_cuda_build(const char* name, int device_index) {
  if (has_cuda) return;
  reject<Unsupported>(name, "an array on the CPU, as this rectify was built without CUDA",
                      "one on cuda:" + std::to_string(device_index) +
                          "; for CUDA, install rectify from its sources where nvcc is on PATH or in /usr/local/cuda/bin");
}

void rethrow(const CudaError& error, int device_index) {
  if (!lacks_code(error.code())) throw error;
  throw CudaError(error.code(), std::string(error.what()) + "; the device has compute capability " +
                                    capability_of(device_index) + ", and this rectify was built for " + RECTIFY_ARCHITECTURES);
}

}  // namespace rectify::python
