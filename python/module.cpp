// The module rectify._rectify: its functions, their arguments, and its table of functions. rectify/_rectify.pyi documents them.
#include "build_info.hpp"
#include "errors.hpp"
#include "exchange.hpp"
#include "operand.hpp"
#include "xla.hpp"

#include <rectify/ops.hpp>

#include <cstdint>
#include <string>

namespace rectify::python {
namespace {

/// The arguments of a call, which are taken in their order.
class Arguments {
 public:
  Arguments(const char* function, PyObject* const* first, Py_ssize_t count, Py_ssize_t expected) : next_(first) {
    if (count != expected) reject<InvalidType>(function, std::to_string(expected) + " arguments", std::to_string(count));
  }
  PyObject* take() { return *next_++; }
  double number(const char* name) { return python::number(name, take()); }
  ConstTensorView input(const char* name) { return python::input(name, take()); }
  TensorView output(const char* name) { return python::output(name, take()); }
  TensorView mask(const Shape& shape, Access access) {
    PyObject *const bytes = take(), *const bits = take(), *const order = take();
    return python::mask(bytes, bits, order, shape, access);
  }
  /// A number, or a parameter tensor, or None for neither.
  void parameter(const char* name, double& number, ConstTensorView& tensor) {
    PyObject* const object = take();
    if (is_number(object)) {
      number = python::number(name, object);
    } else {
      tensor = python::input(name, object);
    }
  }
  template <class Operands>
  Relu function(Operands& operands) {
    Relu relu;
    parameter("alpha", relu.alpha, operands.alpha);
    parameter("threshold", relu.threshold, operands.threshold);
    parameter("max_value", relu.max_value, operands.max_value);
    return relu;
  }
  bool truth() {
    const int truth = PyObject_IsTrue(take());
    if (truth < 0) throw PythonError();
    return truth == 1;
  }

 private:
  PyObject* const* next_;
};

Relu numbers(Arguments& arguments) {
  Relu relu;
  relu.alpha = arguments.number("alpha");
  relu.threshold = arguments.number("threshold");
  relu.max_value = arguments.number("max_value");
  return relu;
}

/// Runs a call of the library for tensors on `device`.
template <class Call>
PyObject* run(Device device, const Call& call) {
  try {
    without_gil(call);
  } catch (const CudaError& error) {
    rethrow(error, device.index);
  }
  Py_RETURN_NONE;
}

PyObject* relu(PyObject*, PyObject* const* first, Py_ssize_t count) {
  return guarded([&] {
    Arguments arguments("relu", first, count, 6);
    const ConstTensorView x = arguments.input("x");
    const TensorView y = arguments.output("y");
    const Relu function = numbers(arguments);
    const Stream stream = stream_of(arguments.take(), first[0], x.device());
    return run(x.device(), [&] { rectify::forward(function, x, y, stream); });
  });
}

PyObject* relu_backward(PyObject*, PyObject* const* first, Py_ssize_t count) {
  return guarded([&] {
    Arguments arguments("relu_backward", first, count, 8);
    Backward operands;
    operands.dy = arguments.input("dy");
    PyObject* const source = arguments.take();
    const bool is_y = arguments.truth();
    (is_y ? operands.y : operands.x) = input(is_y ? "y" : "x", source);
    operands.dx = arguments.output("dx");
    const Relu function = numbers(arguments);
    const Device device = operands.dy.device();
    const Stream stream = stream_of(arguments.take(), first[0], device);
    return run(device, [&] { rectify::backward(function, operands, stream); });
  });
}

PyObject* forward(PyObject*, PyObject* const* first, Py_ssize_t count) {
  return guarded([&] {
    Arguments arguments("forward", first, count, 14);
    Forward operands;
    operands.x = arguments.input("x");
    operands.scale = arguments.input("scale");
    operands.bias = arguments.input("bias");
    operands.residual = arguments.input("residual");
    const Relu function = arguments.function(operands);
    operands.y = arguments.output("y");
    operands.mask = arguments.mask(operands.x.shape(), Access::write);
    operands.channel_axis = integer("channel_axis", arguments.take());
    operands.gain = arguments.number("gain");
    const Device device = operands.x.device();
    const Stream stream = stream_of(arguments.take(), first[0], device);
    return run(device, [&] { rectify::forward(function, operands, stream); });
  });
}

/// Gets memory from `allocate` if the sums need any. Returns a new reference to its array, which the caller releases; null if
/// they need none.
PyObject* allocate_workspace(PyObject* allocate, const Relu& function, Backward& operands) {
  const std::size_t needed = workspace_bytes(function, operands);
  if (needed == 0) return nullptr;
  if (allocate == Py_None) reject<InvalidArgument>("allocate", "a function, as sums need a workspace", "None");
  const std::size_t requested = needed + workspace_boundary - 1;
  PyObject* const array = PyObject_CallFunction(allocate, "n", static_cast<Py_ssize_t>(requested));
  if (array == nullptr) throw PythonError();
  try {
    const Bytes memory = bytes("workspace", array, Access::write);
    if (memory.size < static_cast<std::int64_t>(requested))
      reject<InvalidArgument>("workspace", std::to_string(requested) + " bytes or more", std::to_string(memory.size));
    if (memory.device != operands.dy.device()) reject<InvalidArgument>("workspace", "memory on dy's device", "another device");
    operands.workspace = {static_cast<char*>(memory.data) + bytes_before_boundary(memory.data), needed};
  } catch (const std::exception&) {
    Py_DECREF(array);
    throw;
  }
  return array;
}

/// backward without its last argument
Relu take_backward(Arguments& arguments, Backward& operands) {
  operands.dy = arguments.input("dy");
  operands.x = arguments.input("x");
  operands.y = arguments.input("y");
  operands.mask = arguments.mask(operands.dy.shape(), Access::read);
  operands.scale = arguments.input("scale");
  operands.bias = arguments.input("bias");
  operands.residual = arguments.input("residual");
  const Relu function = arguments.function(operands);
  operands.dx = arguments.output("dx");
  operands.dresidual = arguments.output("dresidual");
  operands.dscale = arguments.output("dscale");
  operands.dbias = arguments.output("dbias");
  operands.dalpha = arguments.output("dalpha");
  operands.dthreshold = arguments.output("dthreshold");
  operands.dmax_value = arguments.output("dmax_value");
  return function;
}

/// The arguments are those of backward up to dmax_value, then channel_axis and gain.
PyObject* workspace_bytes(PyObject*, PyObject* const* first, Py_ssize_t count) {
  return guarded([&] {
    Arguments arguments("workspace_bytes", first, count, 21);
    Backward operands;
    const Relu function = take_backward(arguments, operands);
    operands.channel_axis = integer("channel_axis", arguments.take());
    operands.gain = arguments.number("gain");
    return PyLong_FromSize_t(rectify::workspace_bytes(function, operands));
  });
}

PyObject* backward(PyObject*, PyObject* const* first, Py_ssize_t count) {
  // It is released below and not by a destructor: without the GIL, a thread that ends must not release it.
  PyObject* workspace = nullptr;
  PyObject* const result = guarded([&] {
    Arguments arguments("backward", first, count, 24);
    Backward operands;
    const Relu function = take_backward(arguments, operands);
    PyObject* const allocate = arguments.take();
    operands.channel_axis = integer("channel_axis", arguments.take());
    operands.gain = arguments.number("gain");
    operands.accumulate = arguments.truth();
    const Device device = operands.dy.device();
    const Stream stream = stream_of(arguments.take(), first[0], device);
    workspace = allocate_workspace(allocate, function, operands);
    return run(device, [&] { rectify::backward(function, operands, stream); });
  });
  Py_XDECREF(workspace);
  return result;
}

/// A function with METH_FASTCALL, in the type of the table.
template <class Function>
PyCFunction fast(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef functions[] = {
    {"relu", fast(relu), METH_FASTCALL, "relu(x, y, alpha, threshold, max_value, stream)"},
    {"relu_backward", fast(relu_backward), METH_FASTCALL,
     "relu_backward(dy, source, source_is_y, dx, alpha, threshold, max_value, stream)"},
    {"forward", fast(forward), METH_FASTCALL,
     "forward(x, scale, bias, residual, alpha, threshold, max_value, y, mask, mask_bits, order, channel_axis, gain, stream)"},
    {"backward", fast(backward), METH_FASTCALL,
     "backward(dy, x, y, mask, mask_bits, order, scale, bias, residual, alpha, threshold, max_value, dx, dresidual, dscale, "
     "dbias,"
     " dalpha, dthreshold, dmax_value, allocate, channel_axis, gain, accumulate, stream)"},
    {"workspace_bytes", fast(workspace_bytes), METH_FASTCALL,
     "workspace_bytes(dy, x, y, mask, mask_bits, order, scale, bias, residual, alpha, threshold, max_value, dx, dresidual, "
     "dscale, dbias, dalpha, dthreshold, dmax_value, channel_axis, gain)"},
    {"xla_functions", xla_functions, METH_NOARGS, "xla_functions()"},
    {"dlpack", describe_capsule, METH_O, "dlpack(capsule)"},
    {"build", build, METH_NOARGS, "build()"},
    {"cuda_available", cuda_available, METH_NOARGS, "cuda_available()"},
    {"cuda_devices", cuda_devices, METH_NOARGS, "cuda_devices()"},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "rectify._rectify",
                          "The library, for the package rectify.",
                          -1,
                          functions,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace
}  // namespace rectify::python

PyMODINIT_FUNC PyInit__rectify() { return PyModule_Create(&rectify::python::definition); }
