// Errors on the way to Python: exceptions of C++ become those of rectify/_errors.py.
#pragma once

#include <Python.h>

#include <rectify/error.hpp>

#include <exception>
#include <string>

namespace rectify::python {

/// An argument of a type, or with elements of a dtype, that the function does not take. Becomes rectify.InvalidType.
class InvalidType : public Error {
 public:
  using Error::Error;
};

/// A Python exception is set already.
struct PythonError : std::exception {};

/// Throws E with the text "name: expected ..., got ...".
template <class E>
[[noreturn]] void reject(const char* name, const std::string& expected, const std::string& got) {
  throw E(std::string(name) + ": expected " + expected + ", got " + got);
}

/// The name of an object's type, for error texts.
std::string type_name(PyObject* object);

/// The text of str(object), for error texts.
std::string text_of(PyObject* object);

/// Raises the C++ exception that is being handled as a Python exception.
void set_python_error() noexcept;

/// Returns what `call` returns; null, with a Python exception, if it throws. Exceptions that are not std::exception pass: with
/// one of those, the C library ends a thread that waits for the GIL while Python exits.
template <class Call>
PyObject* guarded(const Call& call) {
  try {
    return call();
  } catch (const std::exception&) {
    set_python_error();
    return nullptr;
  }
}

/// Calls `call` while other threads may run Python.
template <class Call>
void without_gil(const Call& call) {
  std::exception_ptr failure;
  PyThreadState* const state = PyEval_SaveThread();
  try {
    call();
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  PyEval_RestoreThread(state);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace rectify::python
