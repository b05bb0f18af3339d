// The layouts of XLA's foreign function interface: the structs by which XLA calls a function of another library, declared in our
// own words, so that building rectify needs no jaxlib. They have only what rectify uses, and are the same in the versions 0.1 to
// 0.5 of the interface. tests/python/xla_layout.cpp compares them with the header that a jaxlib comes with.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rectify::xla {

/// The versions of the interface in which these layouts hold.
constexpr std::int32_t major_version = 0, first_minor_version = 1, last_minor_version = 5;

/// A struct with more information about the struct that points to it.
struct Extension {
  std::size_t struct_size;
  std::int32_t kind;
  Extension* next;
};
constexpr std::int32_t metadata_extension = 1;

struct Version {
  std::size_t struct_size;
  Extension* extensions;
  std::int32_t major;
  std::int32_t minor;
};

/// XLA's question what it may do with a function. A call with this extension asks, and does nothing else.
struct Metadata {
  std::size_t struct_size;
  Version version;       ///< answer: the version of the interface that the function uses
  std::uint32_t traits;  ///< answer: bits
};
/// A bit of the traits: calls with the same attributes launch the same kernels, and may be recorded in a CUDA graph.
constexpr std::uint32_t may_be_recorded = 1;
struct MetadataExtension {
  Extension base;
  Metadata* metadata;
};

struct Error;
struct Context;

/// Values of NewError::code.
enum ErrorCode : std::int32_t { invalid_argument = 3, resource_exhausted = 8, unimplemented = 12, internal = 13 };
struct NewError {
  std::size_t struct_size;
  Extension* extensions;
  const char* message;
  std::int32_t code;
};

struct GetStream {
  std::size_t struct_size;
  Extension* extensions;
  Context* context;
  void* stream;  ///< answer: a cudaStream_t
};

struct GetDeviceOrdinal {
  std::size_t struct_size;
  Extension* extensions;
  Context* context;
  std::int32_t ordinal;  ///< answer: the index of the CUDA device
};

/// XLA's functions. An older XLA has fewer, and its struct_size is smaller. A function that returns an Error gives it to the caller; null is success.
struct Api {
  std::size_t struct_size;
  Extension* extensions;
  Version version;
  const void* internal;
  Error* (*new_error)(NewError*);
  void (*before_get_stream[3])();
  Error* (*get_stream)(GetStream*);
  void (*before_get_device_ordinal[12])();
  Error* (*get_device_ordinal)(GetDeviceOrdinal*);  ///< from jaxlib 0.6 on
};

/// The kinds of elements that rectify knows; other kinds have other values.
enum DataType : std::int32_t { s64 = 5, u8 = 6, f16 = 10, f32 = 11, f64 = 12, bf16 = 16 };

/// A row-major array.
struct Buffer {
  std::size_t struct_size;
  Extension* extensions;
  std::int32_t dtype;
  void* data;
  std::int64_t rank;
  std::int64_t* dims;
};

/// The operands of a call, and its results.
struct Buffers {
  std::size_t struct_size;
  Extension* extensions;
  std::int64_t size;
  std::int32_t* kinds;  ///< 1 is a Buffer
  void** all;
};

struct Name {
  const char* begin;
  std::size_t length;
};

struct Scalar {
  std::int32_t dtype;
  void* value;
};

/// Named constants, in the order of their names.
struct Attributes {
  std::size_t struct_size;
  Extension* extensions;
  std::int64_t size;
  std::int32_t* kinds;  ///< 3 is a Scalar
  Name** names;
  void** all;
};
constexpr std::int32_t scalar_attribute = 3;

struct Call {
  std::size_t struct_size;
  Extension* extensions;
  const Api* api;  ///< null in a question before jaxlib 0.8
  Context* context;
  std::int32_t stage;
  Buffers operands;
  Buffers results;
  Attributes attributes;
};

using Function = Error*(Call*);

}  // namespace rectify::xla
