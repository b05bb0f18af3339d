// The layouts of DLPack 1.3: the structs by which array libraries describe memory to each other, declared in our own words, so
// that building rectify for Python needs no package with dlpack.h. The names are DLPack's, and so is the guard: with this header
// included first, rectify/dlpack.hpp uses it. tests/python/dlpack_layout_test.cpp compares it with other copies of dlpack.h.
#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#include <cstdint>

/// Where memory lies. Other values belong to devices that rectify does not have.
enum DLDeviceType : std::int32_t { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3, kDLCUDAManaged = 13 };

/// The kinds of elements that rectify tells apart. In arrays of other kinds, `code` has other values.
enum DLDataTypeCode { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLComplex = 5, kDLBool = 6 };

struct DLDevice {
  DLDeviceType device_type;
  std::int32_t device_id;
};

/// An element: for example float32 is {kDLFloat, 32, 1}. Vectors have more than one lane.
struct DLDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

/// An array. The first element is at data + byte_offset. Strides are in elements; null is row-major.
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};

/// What a capsule "dltensor" holds: an array, and the function that releases it.
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};

struct DLPackVersion {
  std::uint32_t major;
  std::uint32_t minor;
};

/// What a capsule "dltensor_versioned" holds. With another major version, the members after `flags` may differ.
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  std::uint64_t flags;
  DLTensor dl_tensor;
};

/// The bit of `flags` that says that the memory must not be written.
constexpr std::uint64_t dlpack_read_only = 1;

/// The begin of a DLPackExchangeAPI. A table of a newer major version may point to one of an older version.
struct DLPackExchangeAPIHeader {
  DLPackVersion version;
  DLPackExchangeAPIHeader* prev_api;
};

/// The C functions of an array type, in a capsule "dlpack_exchange_api" at the type's __dlpack_c_exchange_api__. A function
/// returns 0, or sets a Python exception (SetError: calls it) and returns -1. None synchronises streams.
struct DLPackExchangeAPI {
  DLPackExchangeAPIHeader header;
  int (*managed_tensor_allocator)(DLTensor* prototype, DLManagedTensorVersioned** out, void* error_ctx,
                                  void (*SetError)(void* error_ctx, const char* kind, const char* message));
  int (*managed_tensor_from_py_object_no_sync)(void* py_object, DLManagedTensorVersioned** out);
  int (*managed_tensor_to_py_object_no_sync)(DLManagedTensorVersioned* tensor, void** out_py_object);
  /// May be null. Describes an array that stays its owner's; the description is valid until Python code runs.
  int (*dltensor_from_py_object_no_sync)(void* py_object, DLTensor* out);
  int (*current_work_stream)(DLDeviceType device_type, std::int32_t device_id, void** out_current_stream);
};

#endif
