// Arguments of a call as views. An array is an object whose type has DLPack's C table (torch from 2.10 on), or a tuple
//
//     (address, dtype, cuda, index, shape, strides, writable)
//
// of int, str, bool, int, tuple, tuple or None (row-major), bool. Strides are in elements. The dtype is float16, bfloat16,
// float32 or float64; uint8 for masks and workspaces. None is an absent operand.
#pragma once

#include <Python.h>

#include <rectify/ops.hpp>

#include <cstddef>
#include <cstdint>

namespace rectify::python {

/// An operand that is read. Throws InvalidType for another type or dtype, Unsupported for another device.
ConstTensorView input(const char* name, PyObject* object);

/// An operand that is written. Also throws InvalidArgument if it is read-only.
TensorView output(const char* name, PyObject* object);

enum class Access { read, write };

/// Contiguous memory of one axis of uint8.
struct Bytes {
  void* data;
  std::int64_t size;
  Device device;
};
Bytes bytes(const char* name, PyObject* object, Access access);

/// A workspace begins on such a boundary (ops.hpp). In memory that may begin anywhere, which is requested with workspace_boundary - 1
/// bytes more, bytes_before_boundary() are skipped.
constexpr std::uintptr_t workspace_boundary = 256;
std::size_t bytes_before_boundary(const void* memory);

/// The view of a mask: `object` has its bytes, with `bits` (1 or 2) for each element of `shape`. `order` is None if the bits are
/// in row-major order, or the axes of `shape`, outermost first.
TensorView mask(PyObject* object, PyObject* bits, PyObject* order, const Shape& shape, Access access);

/// None is, for CUDA, the current stream of the library that `array` belongs to, if its type has DLPack's C table, else the
/// legacy default stream. An int is a cudaStream_t.
Stream stream_of(PyObject* object, PyObject* array, Device device);

/// A number.
double number(const char* name, PyObject* object);

/// True if an object is a number of Python (float, int or a subclass), and not an array.
bool is_number(PyObject* object);

/// An int in the range of C's.
int integer(const char* name, PyObject* object);

}  // namespace rectify::python
