// See operand.hpp.
#include "operand.hpp"

#include "build_info.hpp"
#include "errors.hpp"
#include "exchange.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>

namespace rectify::python {
namespace {

/// The memory of an array, as its owner describes it. Nothing is checked yet.
struct Array {
  DLTensor tensor = {};
  bool writable = true;
  std::int64_t shape[max_rank];  ///< those of an array in a tuple
  std::int64_t strides[max_rank];
};

/// The library of an array could not describe it, for example because it is sparse. The first line of its reason is told; torch
/// has a stack trace in the others.
[[noreturn]] void reject_undescribed(const char* name, PyObject* object) {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  const std::string text = value != nullptr ? text_of(value) : "no reason";
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  reject<Unsupported>(name, "a dense array that DLPack can describe",
                      "a " + type_name(object) + ": " + text.substr(0, text.find('\n')));
}

[[noreturn]] void reject_tuple(const char* name, PyObject* tuple) {
  PyErr_Clear();
  reject<InvalidType>(name, "a tuple (address, dtype, cuda, index, shape, strides, writable)", text_of(tuple));
}

struct NamedDtype {
  const char* name;
  DLDataType dtype;
};
constexpr NamedDtype dtypes[] = {{"float32", {kDLFloat, 32, 1}},
                                 {"float16", {kDLFloat, 16, 1}},
                                 {"bfloat16", {kDLBfloat, 16, 1}},
                                 {"float64", {kDLFloat, 64, 1}},
                                 {"uint8", {kDLUInt, 8, 1}}};

DLDataType dtype_called(const char* name, PyObject* text, PyObject* tuple) {
  if (PyUnicode_Check(text) == 0) reject_tuple(name, tuple);
  for (const NamedDtype& named : dtypes) {
    if (PyUnicode_CompareWithASCIIString(text, named.name) == 0) return named.dtype;
  }
  reject<InvalidType>(name, "dtype float16, bfloat16, float32 or float64", text_of(text));
}

/// Copies a tuple of ints to `values`, and returns how many they are; -1 if it is no such tuple.
int copy_ints(PyObject* tuple, std::int64_t (&values)[max_rank]) {
  const Py_ssize_t size = PyTuple_Check(tuple) != 0 ? PyTuple_Size(tuple) : -1;
  if (size > max_rank) return static_cast<int>(size);
  for (Py_ssize_t i = 0; i < size; ++i) {
    values[i] = PyLong_AsLongLong(PyTuple_GetItem(tuple, i));
    if (values[i] == -1 && PyErr_Occurred() != nullptr) return -1;
  }
  return static_cast<int>(size);
}

void read_tuple(const char* name, PyObject* tuple, Array& array) {
  if (PyTuple_Size(tuple) != 7) reject_tuple(name, tuple);
  const auto item = [&](int index) { return PyTuple_GetItem(tuple, index); };
  DLTensor& tensor = array.tensor;
  tensor.data = PyLong_AsVoidPtr(item(0));
  tensor.dtype = dtype_called(name, item(1), tuple);
  const long index = PyLong_AsLong(item(3));
  tensor.device = {PyObject_IsTrue(item(2)) == 1 ? kDLCUDA : kDLCPU, static_cast<std::int32_t>(index)};
  if (PyErr_Occurred() != nullptr) reject_tuple(name, tuple);
  tensor.ndim = copy_ints(item(4), array.shape);
  if (tensor.ndim < 0) reject_tuple(name, tuple);
  tensor.shape = array.shape;
  if (item(5) != Py_None) {
    if (copy_ints(item(5), array.strides) != tensor.ndim) reject_tuple(name, tuple);
    tensor.strides = array.strides;
  }
  array.writable = PyObject_IsTrue(item(6)) == 1;
}

void read(const char* name, PyObject* object, Array& array) {
  if (PyTuple_Check(object) != 0) return read_tuple(name, object, array);
  const DLPackExchangeAPI* const table = exchange_table(Py_TYPE(object));
  if (table == nullptr)
    reject<InvalidType>(name, "an array with DLPack's C table, or a tuple that describes one", "a " + type_name(object));
  if (table->dltensor_from_py_object_no_sync(object, &array.tensor) != 0) reject_undescribed(name, object);
}

DType dtype_of(const char* name, const DLDataType& dtype) {
  if (dtype.lanes == 1 && dtype.code == kDLFloat) {
    if (dtype.bits == 32) return DType::f32;
    if (dtype.bits == 16) return DType::f16;
    if (dtype.bits == 64) return DType::f64;
  }
  if (dtype.lanes == 1 && dtype.code == kDLBfloat && dtype.bits == 16) return DType::bf16;
  reject<InvalidType>(name, "dtype float16, bfloat16, float32 or float64", dtype_name(dtype));
}

Device device_of(const char* name, const DLDevice& device) {
  switch (device.device_type) {
    case kDLCPU:
    case kDLCUDAHost: return Device::cpu();
    case kDLCUDA:
    case kDLCUDAManaged: require_cuda_build(name, device.device_id); return Device::cuda(device.device_id);
  }
  reject<Unsupported>(name, "memory of the CPU or of CUDA",
                      "that of DLPack's device type " + std::to_string(static_cast<int>(device.device_type)));
}

void* first_element(const DLTensor& tensor) {
  return tensor.data != nullptr ? static_cast<char*>(tensor.data) + tensor.byte_offset : nullptr;
}

void require_rank(const char* name, const DLTensor& tensor) {
  if (tensor.ndim < 0 || tensor.ndim > max_rank)
    reject<InvalidArgument>(name, "0 to " + std::to_string(max_rank) + " axes", std::to_string(tensor.ndim));
}

void require_writable(const char* name, const Array& array) {
  if (!array.writable) reject<InvalidArgument>(name, "a writable array, as it is an output", "a read-only one");
}

TensorView view_of(const char* name, const DLTensor& tensor) {
  const DType dtype = dtype_of(name, tensor.dtype);
  const Device device = device_of(name, tensor.device);
  require_rank(name, tensor);
  const TensorView view(first_element(tensor), dtype, Shape(tensor.shape, tensor.ndim), device);
  return tensor.strides != nullptr ? view.strided(Strides(tensor.strides, tensor.ndim)) : view;
}

/// Row-major strides, of axes in the order of `order`; in their own order if it is None.
Strides dense_strides(PyObject* order, const Shape& shape) {
  const int rank = shape.rank();
  std::int64_t axes[max_rank];
  std::iota(axes, axes + rank, 0);
  if (order != Py_None) {
    PyObject* const tuple = PySequence_Tuple(order);
    const bool is_permutation = tuple != nullptr && copy_ints(tuple, axes) == rank && [&] {
      bool seen[max_rank] = {};
      return std::all_of(axes, axes + rank,
                         [&](std::int64_t axis) { return axis >= 0 && axis < rank && !std::exchange(seen[axis], true); });
    }();
    Py_XDECREF(tuple);
    PyErr_Clear();
    if (!is_permutation)
      reject<InvalidArgument>("order", "a tuple of the axes 0 to " + std::to_string(rank - 1), text_of(order));
  }
  std::int64_t strides[max_rank] = {};
  std::int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[axes[i]] = stride;
    stride *= shape[static_cast<int>(axes[i])];
  }
  return Strides(strides, rank);
}

}  // namespace

ConstTensorView input(const char* name, PyObject* object) {
  if (object == Py_None) return {};
  Array array;
  read(name, object, array);
  return view_of(name, array.tensor);
}

TensorView output(const char* name, PyObject* object) {
  if (object == Py_None) return {};
  Array array;
  read(name, object, array);
  require_writable(name, array);
  return view_of(name, array.tensor);
}

Bytes bytes(const char* name, PyObject* object, Access access) {
  Array array;
  read(name, object, array);
  const DLTensor& tensor = array.tensor;
  if (tensor.dtype.code != kDLUInt || tensor.dtype.bits != 8 || tensor.dtype.lanes != 1)
    reject<InvalidType>(name, "dtype uint8", dtype_name(tensor.dtype));
  if (access == Access::write) require_writable(name, array);
  if (tensor.ndim != 1) reject<InvalidArgument>(name, "1 axis", std::to_string(tensor.ndim));
  if (tensor.strides != nullptr && tensor.shape[0] > 1 && tensor.strides[0] != 1)
    reject<InvalidArgument>(name, "contiguous bytes", "a stride of " + std::to_string(tensor.strides[0]));
  return {first_element(tensor), tensor.shape[0], device_of(name, tensor.device)};
}

std::size_t bytes_before_boundary(const void* memory) { return -reinterpret_cast<std::uintptr_t>(memory) % workspace_boundary; }

TensorView mask(PyObject* object, PyObject* bits, PyObject* order, const Shape& shape, Access access) {
  if (object == Py_None) return {};
  const int count = integer("mask_bits", bits);
  if (count != 1 && count != 2) reject<InvalidArgument>("mask_bits", "1 or 2", std::to_string(count));
  const DType dtype = count == 1 ? DType::u1 : DType::u2;
  const Bytes memory = bytes("mask", object, access);
  const auto needed = static_cast<std::int64_t>(mask_bytes(dtype, shape));
  if (memory.size < needed) {
    reject<InvalidArgument>("mask",
                            std::to_string(needed) + " bytes or more, as each element has " + std::to_string(count) +
                                (count == 1 ? " bit" : " bits"),
                            std::to_string(memory.size));
  }
  return TensorView(memory.data, dtype, shape, memory.device).strided(dense_strides(order, shape));
}

Stream stream_of(PyObject* object, PyObject* array, Device device) {
  const bool is_cuda = device.kind == Device::Kind::cuda;
  if (object != Py_None) {
    if (PyLong_Check(object) == 0) reject<InvalidType>("stream", "an int (a cudaStream_t) or None", "a " + type_name(object));
    void* const handle = PyLong_AsVoidPtr(object);
    if (handle == nullptr && PyErr_Occurred() != nullptr) {
      PyErr_Clear();
      reject<InvalidArgument>("stream", "a cudaStream_t", text_of(object));
    }
    return is_cuda ? Stream(static_cast<CUstream_st*>(handle)) : Stream{};
  }
  const bool may_have_table = is_cuda && PyTuple_Check(array) == 0;
  const DLPackExchangeAPI* const table = may_have_table ? exchange_table(Py_TYPE(array)) : nullptr;
  if (table == nullptr) return {};
  void* handle = nullptr;
  if (table->current_work_stream(kDLCUDA, device.index, &handle) != 0) throw PythonError();
  return static_cast<CUstream_st*>(handle);
}

double number(const char* name, PyObject* object) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1 && PyErr_Occurred() != nullptr) {
    const bool overflows = PyErr_ExceptionMatches(PyExc_OverflowError) != 0;
    PyErr_Clear();
    if (overflows) reject<InvalidArgument>(name, "a number in the range of a float", "a larger one");
    reject<InvalidType>(name, "a number", "a " + type_name(object));
  }
  return value;
}

bool is_number(PyObject* object) { return PyFloat_Check(object) != 0 || PyLong_Check(object) != 0; }

int integer(const char* name, PyObject* object) {
  const long value = PyLong_AsLong(object);
  const bool failed = value == -1 && PyErr_Occurred() != nullptr;
  const bool is_type_error = failed && PyErr_ExceptionMatches(PyExc_TypeError) != 0;
  if (failed) PyErr_Clear();
  if (is_type_error) reject<InvalidType>(name, "an int", "a " + type_name(object));
  const int narrow = static_cast<int>(value);
  if (failed || narrow != value) reject<InvalidArgument>(name, "an int of 32 bits", text_of(object));
  return narrow;
}

}  // namespace rectify::python
