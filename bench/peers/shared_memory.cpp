// Pieces are given out one after another. When none is left, it begins anew, as it does after each case.
#include "peers/shared_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace rectify::bench {
namespace {

constexpr std::size_t page = 4096;

}  // namespace

struct SharedMemory::Mapping {
  int descriptor = -1;
  std::size_t bytes = 0, used = 0, pieces = 0;
  char* begin = nullptr;

  ~Mapping() {
    if (begin != nullptr) munmap(begin, bytes);
    if (descriptor >= 0) close(descriptor);
  }
  [[noreturn]] static void fail(const char* call) {
    throw std::runtime_error(std::string("memory cannot be shared: ") + call + ": " + std::strerror(errno));
  }
};

SharedMemory::SharedMemory() : mapping_(std::make_shared<Mapping>()) {
  Mapping& all = *mapping_;
  all.bytes = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * page;
  all.descriptor = memfd_create("rectify-bench", MFD_CLOEXEC);
  if (all.descriptor < 0) Mapping::fail("memfd_create");
  if (ftruncate(all.descriptor, static_cast<off_t>(all.bytes)) != 0) Mapping::fail("ftruncate");
  void* const mapped = mmap(nullptr, all.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, all.descriptor, 0);
  if (mapped == MAP_FAILED) Mapping::fail("mmap");
  all.begin = static_cast<char*>(mapped);
}

int SharedMemory::descriptor() const { return mapping_->descriptor; }
std::size_t SharedMemory::bytes() const { return mapping_->bytes; }

std::size_t SharedMemory::offset_of(const void* data) const {
  return static_cast<std::size_t>(static_cast<const char*>(data) - mapping_->begin);
}

std::shared_ptr<void> SharedMemory::allocate(std::size_t bytes) const {
  const std::size_t size = (bytes + page - 1) / page * page;
  Mapping& all = *mapping_;
  if (size > all.bytes - all.used) throw std::bad_alloc();
  char* const data = all.begin + all.used;
  all.used += size;
  ++all.pieces;
  return {data, [mapping = mapping_, size](void* given_back) {
            madvise(given_back, size, MADV_REMOVE);
            if (--mapping->pieces == 0) mapping->used = 0;
          }};
}

}  // namespace rectify::bench
