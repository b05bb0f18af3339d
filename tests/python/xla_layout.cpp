// The layouts of python/xla_layout.hpp equal those of jaxlib's header: compiled by jax_interface_test.py, with the folder of the
// header among the include paths.
#include <cstddef>
#include <type_traits>

#include "../../python/xla_layout.hpp"
#include <xla/ffi/api/c_api.h>

namespace xla = rectify::xla;
using TheirExtension = std::remove_pointer_t<decltype(XLA_FFI_CallFrame::extension_start)>;  // its name depends on the version

#define EQUAL_SIZES(ours, theirs) static_assert(sizeof(xla::ours) == sizeof(theirs) && alignof(xla::ours) == alignof(theirs))
#define EQUAL_PLACES(ours, our_field, theirs, their_field)                                                    \
  static_assert(offsetof(xla::ours, our_field) == offsetof(theirs, their_field) &&                             \
                sizeof(decltype(xla::ours::our_field)) == sizeof(decltype(theirs::their_field)))

EQUAL_SIZES(Extension, TheirExtension);
EQUAL_PLACES(Extension, kind, TheirExtension, type);
EQUAL_PLACES(Extension, next, TheirExtension, next);

EQUAL_SIZES(Version, XLA_FFI_Api_Version);
EQUAL_PLACES(Version, major, XLA_FFI_Api_Version, major_version);
EQUAL_PLACES(Version, minor, XLA_FFI_Api_Version, minor_version);

// Later versions have more fields behind these.
EQUAL_PLACES(Metadata, struct_size, XLA_FFI_Metadata, struct_size);
EQUAL_PLACES(Metadata, version, XLA_FFI_Metadata, api_version);
EQUAL_PLACES(Metadata, traits, XLA_FFI_Metadata, traits);
EQUAL_SIZES(MetadataExtension, XLA_FFI_Metadata_Extension);
EQUAL_PLACES(MetadataExtension, metadata, XLA_FFI_Metadata_Extension, metadata);
static_assert(xla::metadata_extension == int(XLA_FFI_Extension_Metadata));
static_assert(xla::may_be_recorded == XLA_FFI_HANDLER_TRAITS_COMMAND_BUFFER_COMPATIBLE);

EQUAL_SIZES(NewError, XLA_FFI_Error_Create_Args);
EQUAL_PLACES(NewError, message, XLA_FFI_Error_Create_Args, message);
EQUAL_PLACES(NewError, code, XLA_FFI_Error_Create_Args, errc);
static_assert(int(xla::invalid_argument) == int(XLA_FFI_Error_Code_INVALID_ARGUMENT));
static_assert(int(xla::resource_exhausted) == int(XLA_FFI_Error_Code_RESOURCE_EXHAUSTED));
static_assert(int(xla::unimplemented) == int(XLA_FFI_Error_Code_UNIMPLEMENTED));
static_assert(int(xla::internal) == int(XLA_FFI_Error_Code_INTERNAL));

EQUAL_SIZES(GetStream, XLA_FFI_Stream_Get_Args);
EQUAL_PLACES(GetStream, context, XLA_FFI_Stream_Get_Args, ctx);
EQUAL_PLACES(GetStream, stream, XLA_FFI_Stream_Get_Args, stream);

EQUAL_PLACES(Api, version, XLA_FFI_Api, api_version);
EQUAL_PLACES(Api, new_error, XLA_FFI_Api, XLA_FFI_Error_Create);
EQUAL_PLACES(Api, get_stream, XLA_FFI_Api, XLA_FFI_Stream_Get);
#ifndef BEFORE_JAXLIB_0_6
EQUAL_SIZES(GetDeviceOrdinal, XLA_FFI_DeviceOrdinal_Get_Args);
EQUAL_PLACES(GetDeviceOrdinal, context, XLA_FFI_DeviceOrdinal_Get_Args, ctx);
EQUAL_PLACES(GetDeviceOrdinal, ordinal, XLA_FFI_DeviceOrdinal_Get_Args, device_ordinal);
EQUAL_PLACES(Api, get_device_ordinal, XLA_FFI_Api, XLA_FFI_DeviceOrdinal_Get);
#endif

static_assert(int(xla::s64) == int(XLA_FFI_DataType_S64) && int(xla::u8) == int(XLA_FFI_DataType_U8));
static_assert(int(xla::f16) == int(XLA_FFI_DataType_F16) && int(xla::bf16) == int(XLA_FFI_DataType_BF16));
static_assert(int(xla::f32) == int(XLA_FFI_DataType_F32) && int(xla::f64) == int(XLA_FFI_DataType_F64));

EQUAL_SIZES(Buffer, XLA_FFI_Buffer);
EQUAL_PLACES(Buffer, dtype, XLA_FFI_Buffer, dtype);
EQUAL_PLACES(Buffer, data, XLA_FFI_Buffer, data);
EQUAL_PLACES(Buffer, rank, XLA_FFI_Buffer, rank);
EQUAL_PLACES(Buffer, dims, XLA_FFI_Buffer, dims);

EQUAL_SIZES(Buffers, XLA_FFI_Args);
EQUAL_SIZES(Buffers, XLA_FFI_Rets);
EQUAL_PLACES(Buffers, size, XLA_FFI_Args, size);
EQUAL_PLACES(Buffers, kinds, XLA_FFI_Args, types);
EQUAL_PLACES(Buffers, all, XLA_FFI_Args, args);
EQUAL_PLACES(Buffers, size, XLA_FFI_Rets, size);
EQUAL_PLACES(Buffers, all, XLA_FFI_Rets, rets);

EQUAL_SIZES(Name, XLA_FFI_ByteSpan);
EQUAL_PLACES(Name, begin, XLA_FFI_ByteSpan, ptr);
EQUAL_PLACES(Name, length, XLA_FFI_ByteSpan, len);
EQUAL_SIZES(Scalar, XLA_FFI_Scalar);
EQUAL_PLACES(Scalar, dtype, XLA_FFI_Scalar, dtype);
EQUAL_PLACES(Scalar, value, XLA_FFI_Scalar, value);
static_assert(xla::scalar_attribute == int(XLA_FFI_AttrType_SCALAR));
EQUAL_SIZES(Attributes, XLA_FFI_Attrs);
EQUAL_PLACES(Attributes, size, XLA_FFI_Attrs, size);
EQUAL_PLACES(Attributes, kinds, XLA_FFI_Attrs, types);
EQUAL_PLACES(Attributes, names, XLA_FFI_Attrs, names);
EQUAL_PLACES(Attributes, all, XLA_FFI_Attrs, attrs);

EQUAL_PLACES(Call, extensions, XLA_FFI_CallFrame, extension_start);
EQUAL_PLACES(Call, api, XLA_FFI_CallFrame, api);
EQUAL_PLACES(Call, context, XLA_FFI_CallFrame, ctx);
EQUAL_PLACES(Call, stage, XLA_FFI_CallFrame, stage);
EQUAL_PLACES(Call, operands, XLA_FFI_CallFrame, args);
EQUAL_PLACES(Call, results, XLA_FFI_CallFrame, rets);
EQUAL_PLACES(Call, attributes, XLA_FFI_CallFrame, attrs);

// A version that is not among those compared may have other layouts.
static_assert(xla::major_version == XLA_FFI_API_MAJOR && XLA_FFI_API_MINOR >= xla::first_minor_version);
