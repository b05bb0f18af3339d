// See errors.hpp.
#include "errors.hpp"

#include <new>

namespace rectify::python {
namespace {

/// Raises rectify._errors.`type`, with a code if it is CudaError.
void raise_python(const char* type, const char* text, const int* code = nullptr) {
  PyObject* const errors = PyImport_ImportModule("rectify._errors");
  PyObject* const raised = errors != nullptr ? PyObject_GetAttrString(errors, type) : nullptr;
  PyObject* const error = raised == nullptr ? nullptr
                          : code != nullptr ? PyObject_CallFunction(raised, "si", text, *code)
                                            : PyObject_CallFunction(raised, "s", text);
  if (error != nullptr) PyErr_SetObject(raised, error);
  Py_XDECREF(error);
  Py_XDECREF(raised);
  Py_XDECREF(errors);
}

/// The UTF-8 of a new reference to a str, which is released.
std::string take_text(PyObject* text) {
  Py_ssize_t size = 0;
  const char* const utf8 = text != nullptr ? PyUnicode_AsUTF8AndSize(text, &size) : nullptr;
  if (utf8 == nullptr) PyErr_Clear();
  std::string copy = utf8 != nullptr ? std::string(utf8, static_cast<std::size_t>(size)) : "?";
  Py_XDECREF(text);
  return copy;
}

}  // namespace

std::string type_name(PyObject* object) {
  return take_text(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), "__name__"));
}

std::string text_of(PyObject* object) { return take_text(PyObject_Str(object)); }

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
    // It is set already.
  } catch (const InvalidType& error) {
    raise_python("InvalidType", error.what());
  } catch (const InvalidArgument& error) {
    raise_python("InvalidArgument", error.what());
  } catch (const Unsupported& error) {
    raise_python("Unsupported", error.what());
  } catch (const CudaError& error) {
    const int code = error.code();
    raise_python("CudaError", error.what(), &code);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

}  // namespace rectify::python
