// DLPack as Python objects: the C table of an array type, capsules, and names for error texts.
#pragma once

#include <Python.h>

#include "dlpack_layout.hpp"

#include <string>

namespace rectify::python {

/// The C table of a type; null if it has none of a version that is known here.
const DLPackExchangeAPI* exchange_table(PyTypeObject* type);

/// As in Python: float32, int64, complex64; with several lanes, "float32 of 4 lanes".
std::string dtype_name(const DLDataType& dtype);

/// The function dlpack(capsule) of the module.
PyObject* describe_capsule(PyObject* module, PyObject* capsule);

}  // namespace rectify::python
