// Memory that this process shares with a peer in another one.
#pragma once

#include <cstddef>
#include <memory>

namespace rectify::bench {

/// A file without a name, mapped whole. Only the parts that are in use take memory.
class SharedMemory {
 public:
  /// Throws std::runtime_error if the system does not allow it.
  SharedMemory();

  int descriptor() const;
  std::size_t bytes() const;
  /// 4,096-byte aligned; freed with the last pointer to it.
  std::shared_ptr<void> allocate(std::size_t bytes) const;
  std::size_t offset_of(const void* data) const;

 private:
  struct Mapping;
  std::shared_ptr<Mapping> mapping_;
};

}  // namespace rectify::bench
