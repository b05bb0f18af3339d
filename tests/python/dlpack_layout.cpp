// The layouts of python/dlpack_layout.hpp equal those of another dlpack.h: compiled by module_dlpack_test.py, with the path of
// that header in THEIRS. Versions before 1.0 and 1.2 have fewer structs.
#include <cstddef>
#include <cstdint>

namespace ours {
#include "../../python/dlpack_layout.hpp"
}
#undef DLPACK_DLPACK_H_
#include THEIRS

template <class Ours, class Theirs>
constexpr bool equal_sizes = sizeof(Ours) == sizeof(Theirs) && alignof(Ours) == alignof(Theirs);

static_assert(equal_sizes<ours::DLDevice, DLDevice> && equal_sizes<ours::DLDataType, DLDataType>);
static_assert(equal_sizes<ours::DLTensor, DLTensor> && equal_sizes<ours::DLManagedTensor, DLManagedTensor>);
static_assert(offsetof(ours::DLDevice, device_id) == offsetof(DLDevice, device_id));
static_assert(offsetof(ours::DLDataType, bits) == offsetof(DLDataType, bits));
static_assert(offsetof(ours::DLDataType, lanes) == offsetof(DLDataType, lanes));
static_assert(offsetof(ours::DLTensor, device) == offsetof(DLTensor, device));
static_assert(offsetof(ours::DLTensor, ndim) == offsetof(DLTensor, ndim));
static_assert(offsetof(ours::DLTensor, dtype) == offsetof(DLTensor, dtype));
static_assert(offsetof(ours::DLTensor, shape) == offsetof(DLTensor, shape));
static_assert(offsetof(ours::DLTensor, strides) == offsetof(DLTensor, strides));
static_assert(offsetof(ours::DLTensor, byte_offset) == offsetof(DLTensor, byte_offset));
static_assert(offsetof(ours::DLManagedTensor, manager_ctx) == offsetof(DLManagedTensor, manager_ctx));
static_assert(offsetof(ours::DLManagedTensor, deleter) == offsetof(DLManagedTensor, deleter));
static_assert(int(ours::kDLCPU) == int(kDLCPU) && int(ours::kDLInt) == int(kDLInt) && int(ours::kDLUInt) == int(kDLUInt));
static_assert(int(ours::kDLFloat) == int(kDLFloat) && int(ours::kDLBfloat) == int(kDLBfloat));

#if defined(DLPACK_MAJOR_VERSION)
static_assert(int(ours::kDLCUDA) == int(kDLCUDA) && int(ours::kDLCUDAHost) == int(kDLCUDAHost));
static_assert(int(ours::kDLCUDAManaged) == int(kDLCUDAManaged));
static_assert(int(ours::kDLComplex) == int(kDLComplex) && int(ours::kDLBool) == int(kDLBool));
static_assert(equal_sizes<ours::DLManagedTensorVersioned, DLManagedTensorVersioned>);
static_assert(offsetof(ours::DLManagedTensorVersioned, version) == offsetof(DLManagedTensorVersioned, version));
static_assert(offsetof(ours::DLManagedTensorVersioned, manager_ctx) == offsetof(DLManagedTensorVersioned, manager_ctx));
static_assert(offsetof(ours::DLManagedTensorVersioned, deleter) == offsetof(DLManagedTensorVersioned, deleter));
static_assert(offsetof(ours::DLManagedTensorVersioned, flags) == offsetof(DLManagedTensorVersioned, flags));
static_assert(offsetof(ours::DLManagedTensorVersioned, dl_tensor) == offsetof(DLManagedTensorVersioned, dl_tensor));
static_assert(ours::dlpack_read_only == DLPACK_FLAG_BITMASK_READ_ONLY);
#endif

#if defined(DLPACK_MAJOR_VERSION) && (DLPACK_MAJOR_VERSION > 1 || DLPACK_MINOR_VERSION >= 3)
static_assert(equal_sizes<ours::DLPackExchangeAPI, DLPackExchangeAPI>);
static_assert(offsetof(ours::DLPackExchangeAPIHeader, version) == offsetof(DLPackExchangeAPIHeader, version));
static_assert(offsetof(ours::DLPackExchangeAPIHeader, prev_api) == offsetof(DLPackExchangeAPIHeader, prev_api));
static_assert(offsetof(ours::DLPackExchangeAPI, managed_tensor_allocator) ==
              offsetof(DLPackExchangeAPI, managed_tensor_allocator));
static_assert(offsetof(ours::DLPackExchangeAPI, managed_tensor_from_py_object_no_sync) ==
              offsetof(DLPackExchangeAPI, managed_tensor_from_py_object_no_sync));
static_assert(offsetof(ours::DLPackExchangeAPI, managed_tensor_to_py_object_no_sync) ==
              offsetof(DLPackExchangeAPI, managed_tensor_to_py_object_no_sync));
static_assert(offsetof(ours::DLPackExchangeAPI, dltensor_from_py_object_no_sync) ==
              offsetof(DLPackExchangeAPI, dltensor_from_py_object_no_sync));
static_assert(offsetof(ours::DLPackExchangeAPI, current_work_stream) == offsetof(DLPackExchangeAPI, current_work_stream));
#endif
