// Replaces the CUDA runtime: there is no device and nothing runs, but every call succeeds. Each launch is passed to the listener
// (recorder_listen), with the kernel's name, its grid, its block and the addresses of its arguments.
#include <stddef.h>
#include <stdlib.h>

#define API __attribute__((visibility("default")))

typedef struct {
  unsigned x, y, z;
} extent;
typedef struct {
  extent grid, block;
  size_t shared_bytes;
  void* stream;
  void* attributes;
  unsigned attribute_count;
} launch_config;
typedef void (*listener)(const char* kernel, const unsigned* grid, const unsigned* block, void** arguments);

static struct stub {
  const void* address;
  const char* kernel;
}* stubs;
static size_t stub_count, stub_room;
static listener current_listener;

API void recorder_listen(listener to) { current_listener = to; }

static void record(const void* stub, const extent* grid, const extent* block, void** arguments) {
  const unsigned shape[] = {grid->x, grid->y, grid->z}, threads[] = {block->x, block->y, block->z};
  for (size_t i = 0; current_listener && i < stub_count; ++i) {
    if (stubs[i].address == stub) current_listener(stubs[i].kernel, shape, threads, arguments);
  }
}

API void** __cudaRegisterFatBinary(void* binary) {
  static void* handle;
  (void)binary;
  return &handle;
}
API void __cudaRegisterFatBinaryEnd(void** handle) { (void)handle; }
API void __cudaUnregisterFatBinary(void** handle) { (void)handle; }

API void __cudaRegisterFunction(void** handle, const char* stub, char* device, const char* kernel, int limit, void* thread,
                                void* block, void* block_extent, void* grid_extent, int* warp) {
  (void)handle, (void)device, (void)limit, (void)thread, (void)block, (void)block_extent, (void)grid_extent, (void)warp;
  if (stub_count == stub_room) {
    stub_room = stub_room ? 2 * stub_room : 256;
    stubs = realloc(stubs, stub_room * sizeof *stubs);
    if (!stubs) abort();
  }
  stubs[stub_count].address = stub;
  stubs[stub_count++].kernel = kernel;
}

// A kernel's handle is its stub's address.
API int __cudaGetKernel(void** kernel, const void* stub) {
  *kernel = (void*)stub;
  return 0;
}
API unsigned __cudaPopCallConfiguration(extent* grid, extent* block, size_t* shared_bytes, void* stream) {
  (void)grid, (void)block, (void)shared_bytes, (void)stream;
  return 1;
}
API int cudaLaunchKernelExC(const launch_config* config, const void* stub, void** arguments) {
  record(stub, &config->grid, &config->block, arguments);
  return 0;
}
API int cudaLaunchKernel(const void* stub, extent grid, extent block, void** arguments, size_t shared_bytes, void* stream) {
  (void)shared_bytes, (void)stream;
  record(stub, &grid, &block, arguments);
  return 0;
}
API int __cudaLaunchKernel(const void* stub, extent grid, extent block, void** arguments, size_t shared_bytes, void* stream) {
  return cudaLaunchKernel(stub, grid, block, arguments, shared_bytes, stream);
}

// One device, of compute capability 9.0 (cudaDevAttrComputeCapabilityMajor is 75), with the 132 multiprocessors of an H100
// (cudaDevAttrMultiProcessorCount is 16).
API int cudaDeviceGetAttribute(int* value, int attribute, int device) {
  (void)device;
  *value = attribute == 75 ? 9 : attribute == 16 ? 132 : 0;
  return 0;
}
API int cudaGetDevice(int* device) {
  *device = 0;
  return 0;
}
API int cudaSetDevice(int device) { return device == 0 ? 0 : 101; }
API int cudaGetDeviceCount(int* count) {
  *count = 1;
  return 0;
}
API int cudaGetLastError(void) { return 0; }
API const char* cudaGetErrorName(int code) { return code == 0 ? "cudaSuccess" : "cudaErrorUnknown"; }
