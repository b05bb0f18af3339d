// CUDA's thread model on one CPU thread: blocks run one after the other, and each thread of a block is a fibre, in an order that the test
// chooses. This finds kernels whose results depend on the order, that diverge at a barrier, or that name a wrong warp mask. It does not
// model timing, memory spaces or weak memory order.
#pragma once

#include <set>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>

namespace simt {

struct Dim3 {
  constexpr Dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr std::uint64_t count() const { return std::uint64_t{x} * y * z; }
  unsigned x, y, z;
};

enum class Order { ascending, descending, shuffled };

/// The order in which the ready threads of a block run, for all launches to come.
void set_order(Order order);

/// The state of the fake CUDA runtime: the answers it gives, and a record of calls.
struct Runtime {
  int devices = 1;
  int current_device = 0;
  int last_error = 0;
  const void* last_stream = nullptr;  ///< of the latest launch
  std::set<const void*> kernels;      ///< that have been launched
  std::map<std::string, int> faults;  ///< call -> the error it returns until erased
  std::map<std::string, int> calls;   ///< call -> how often it was made

  /// Counts the call; its error is the fault set for it, else `error`.
  int outcome(const char* call, int error);
};
Runtime& runtime();

/// Runs body once per thread of the grid and returns. Aborts with a message if the kernel has one of the faults above.
void launch(Dim3 grid, Dim3 block, const std::function<void()>& body);

// --- for the names in cuda_runtime.h

struct Site {
  const char* file;
  int line;
};

/// The indices of the running thread, which the scheduler sets.
struct Indices {
  Dim3 thread, block, block_dim, grid_dim;
};
Indices& indices();
unsigned lane();

[[noreturn]] void fail(const char* what);
void sync_block(Site site);
void sync_warp(unsigned mask, Site site);
unsigned ballot(unsigned mask, bool predicate, Site site);
std::uint64_t exchange_word(unsigned mask, std::uint64_t v, unsigned source, Site site);

constexpr unsigned full_or(unsigned mask = 0xffffffffu) { return mask; }

template <class V>
V exchange(unsigned mask, V v, unsigned source, Site site) {
  static_assert(sizeof(V) <= 8);
  std::uint64_t word = 0;
  std::memcpy(&word, &v, sizeof v);
  word = exchange_word(mask, word, source, site);
  std::memcpy(&v, &word, sizeof v);
  return v;
}

}  // namespace simt
