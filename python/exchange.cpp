// See exchange.hpp.
#include "exchange.hpp"

#include "errors.hpp"

#include <iterator>

namespace rectify::python {
namespace {

constexpr unsigned major_version = 1;

/// Looks for a table of this version in a chain of tables.
const DLPackExchangeAPI* known_version(const void* table) {
  auto* header = static_cast<const DLPackExchangeAPIHeader*>(table);
  while (header != nullptr && header->version.major != major_version) header = header->prev_api;
  const auto* known = reinterpret_cast<const DLPackExchangeAPI*>(header);
  return known != nullptr && known->dltensor_from_py_object_no_sync != nullptr ? known : nullptr;
}

const DLPackExchangeAPI* look_up(PyTypeObject* type) {
  PyObject* const capsule = PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__dlpack_c_exchange_api__");
  const void* const table = capsule != nullptr ? PyCapsule_GetPointer(capsule, "dlpack_exchange_api") : nullptr;
  Py_XDECREF(capsule);
  if (table == nullptr) PyErr_Clear();
  return known_version(table);
}

struct Entry {
  PyTypeObject* type;
  const DLPackExchangeAPI* table;
};

/// The first types that had a table: usually Tensor and Parameter. They are kept alive, so that no other type gets their
/// address. The GIL guards the list.
Entry entries[4] = {};

/// The tensor of a capsule; null if its name is another.
template <class Managed>
const Managed* in_capsule(PyObject* capsule, const char* name) {
  if (PyCapsule_IsValid(capsule, name) == 0) return nullptr;
  return static_cast<const Managed*>(PyCapsule_GetPointer(capsule, name));
}

/// A tuple of the first `rank` of `values`; None if there are none.
PyObject* new_tuple(const std::int64_t* values, int rank) {
  if (values == nullptr && rank > 0) Py_RETURN_NONE;
  PyObject* const tuple = PyTuple_New(rank);
  for (int axis = 0; tuple != nullptr && axis < rank; ++axis) PyTuple_SetItem(tuple, axis, PyLong_FromLongLong(values[axis]));
  return tuple;
}

PyObject* description(const DLTensor& tensor, bool read_only) {
  if (tensor.ndim < 0 || (tensor.ndim > 0 && tensor.shape == nullptr))
    reject<InvalidArgument>("capsule", "a shape", "ndim " + std::to_string(tensor.ndim) + " without one");
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.data);
  const auto first = static_cast<unsigned long long>(tensor.data != nullptr ? address + tensor.byte_offset : 0);
  return Py_BuildValue("KiiiiiNNO", first, tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes,
                       static_cast<int>(tensor.device.device_type), static_cast<int>(tensor.device.device_id),
                       new_tuple(tensor.shape, tensor.ndim), new_tuple(tensor.strides, tensor.ndim),
                       read_only ? Py_True : Py_False);
}

}  // namespace

const DLPackExchangeAPI* exchange_table(PyTypeObject* type) {
  Entry* entry = entries;
  for (; entry != std::end(entries) && entry->type != nullptr; ++entry) {
    if (entry->type == type) return entry->table;
  }
  const DLPackExchangeAPI* const table = look_up(type);
  if (table != nullptr && entry != std::end(entries)) {
    Py_INCREF(type);
    *entry = {type, table};
  }
  return table;
}

std::string dtype_name(const DLDataType& dtype) {
  constexpr const char* kinds[] = {"int", "uint", "float", "handle", "bfloat", "complex"};
  constexpr const char* names[] = {"bool",          "float8_e3m4",     "float8_e4m3", "float8_e4m3b11fnuz",
                                   "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
                                   "float8_e8m0fnu"};
  const std::string bits = std::to_string(dtype.bits);
  std::string name;
  if (dtype.code < kDLBool) {
    name = kinds[dtype.code] + bits;
  } else if (dtype.code < kDLBool + std::size(names)) {
    name = names[dtype.code - kDLBool];
  } else {
    name = "a type of " + bits + " bits with DLPack's code " + std::to_string(dtype.code);
  }
  return dtype.lanes == 1 ? name : name + " of " + std::to_string(dtype.lanes) + " lanes";
}

PyObject* describe_capsule(PyObject*, PyObject* capsule) {
  return guarded([&] {
    if (const auto* plain = in_capsule<DLManagedTensor>(capsule, "dltensor")) return description(plain->dl_tensor, false);
    const auto* versioned = in_capsule<DLManagedTensorVersioned>(capsule, "dltensor_versioned");
    if (versioned == nullptr)
      reject<InvalidType>("capsule", "a capsule dltensor or dltensor_versioned that nobody has consumed", text_of(capsule));
    if (versioned->version.major != major_version)
      reject<Unsupported>("capsule", "DLPack version 1", "version " + std::to_string(versioned->version.major));
    return description(versioned->dl_tensor, (versioned->flags & dlpack_read_only) != 0);
  });
}

}  // namespace rectify::python
