// Fibres: stacks on which threads of a kernel run, and the switches between them, of which the sanitizers are told. simt.cpp includes this
// file; it decides which thread runs.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif
#if defined(SIMT_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
// The scheduler is not instrumented for ThreadSanitizer, which would report it; it tells ThreadSanitizer of fibres and barriers instead.
#if defined(SIMT_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace simt {

#if defined(SIMT_TSAN)
constexpr bool a_fibre_each = true;
inline void* create_tsan_fibre() { return __tsan_create_fiber(0); }
inline void* current_tsan_fibre() { return __tsan_get_current_fiber(); }
inline void switch_tsan_fibre(void* to) { __tsan_switch_to_fiber(to, 1 /* not a synchronisation */); }
inline void release(char& tag) { __tsan_release(&tag); }
inline void acquire(char& tag) { __tsan_acquire(&tag); }
#else
constexpr bool a_fibre_each = false;
inline void* create_tsan_fibre() { return nullptr; }
inline void* current_tsan_fibre() { return nullptr; }
inline void switch_tsan_fibre(void*) {}
inline void release(char&) {}
inline void acquire(char&) {}
#endif
inline char block_begins, block_ends, at_barrier, in_warp[32];  // the tags by which threads synchronise, for ThreadSanitizer

struct Fibre {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  void* fake_stack = nullptr;
  void* tsan = nullptr;
  bool idle = true;
};

/// The scheduler's own stack, and the fibres. AddressSanitizer must be told of every switch, or it reports accesses to another stack.
class Fibres {
 public:
  /// Null while the scheduler runs.
  Fibre* running() const { return running_; }

  /// Runs an idle fibre, a new one if there is none, from the start of `entry` or from its last to_scheduler().
  void start(void (*entry)()) {
    Fibre& fibre = idle(entry);
    fibre.idle = false;
    to(fibre);
  }

  /// Continues the fibre. Called by the scheduler; returns when the fibre calls to_scheduler().
  void to(Fibre& fibre) {
    running_ = &fibre;
#if defined(SIMT_ASAN)
    __sanitizer_start_switch_fiber(&scheduler_.fake_stack, fibre.stack.get(), stack_bytes);
#endif
    scheduler_.tsan = current_tsan_fibre();
    switch_tsan_fibre(fibre.tsan);
    swapcontext(&scheduler_.context, &fibre.context);
    running_ = nullptr;
    arrive(scheduler_.fake_stack);
  }

  /// Continues the scheduler. Called by the running fibre.
  void to_scheduler() {
    Fibre& fibre = *running_;
#if defined(SIMT_ASAN)
    __sanitizer_start_switch_fiber(&fibre.fake_stack, scheduler_stack_, scheduler_stack_bytes_);
#endif
    switch_tsan_fibre(scheduler_.tsan);
    swapcontext(&fibre.context, &scheduler_.context);
    arrive(fibre.fake_stack);
  }

  /// The first call of a new fibre.
  void begin() { arrive(nullptr); }

  void all_idle() {
    for (auto& fibre : fibres_) fibre->idle = true;
  }

 private:
  static constexpr std::size_t stack_bytes = 256 * 1024;

  Fibre& idle(void (*entry)()) {
    for (auto& fibre : fibres_) {
      if (fibre->idle) return *fibre;
    }
    auto fibre = std::make_unique<Fibre>();
    fibre->stack = std::make_unique<char[]>(stack_bytes);
    getcontext(&fibre->context);
    fibre->context.uc_stack.ss_sp = fibre->stack.get();
    fibre->context.uc_stack.ss_size = stack_bytes;
    makecontext(&fibre->context, entry, 0);
    fibre->tsan = create_tsan_fibre();
    fibres_.push_back(std::move(fibre));
    return *fibres_.back();
  }

  void arrive([[maybe_unused]] void* fake_stack) {
#if defined(SIMT_ASAN)
    const void* from = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(fake_stack, &from, &bytes);
    if (running_ != nullptr && scheduler_stack_ == nullptr) {
      scheduler_stack_ = from;
      scheduler_stack_bytes_ = bytes;
    }
#endif
  }

  std::vector<std::unique_ptr<Fibre>> fibres_;
  Fibre scheduler_;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
  Fibre* running_ = nullptr;
};

}  // namespace simt
