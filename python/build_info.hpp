// What this build has, and what the machine has: functions of the module, and checks that depend on the build.
#pragma once

#include <Python.h>

#include <rectify/error.hpp>

namespace rectify::python {

/// The functions build(), cuda_available() and cuda_devices() of the module.
PyObject* build(PyObject* module, PyObject*);
PyObject* cuda_available(PyObject* module, PyObject*);
PyObject* cuda_devices(PyObject* module, PyObject*);

/// Throws Unsupported, and says how to install another build, if this one has no CUDA.
void require_cuda_build(const char* name, int device_index);

/// Throws the error; if it says that this build has no code for the device, the text also names both.
[[noreturn]] void rethrow(const CudaError& error, int device_index);

}  // namespace rectify::python
