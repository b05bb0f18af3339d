// The scheduler. A fibre takes threads one after the other until one has to wait; so a kernel without barriers runs on a single
// fibre, at the speed of a loop. Under ThreadSanitizer each thread gets a fibre of its own, or races between them would not
// show.
#include "simt.hpp"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
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
// This file is not instrumented for ThreadSanitizer, or it would report the scheduler; it tells it of fibres and barriers instead.
#if defined(SIMT_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace simt {
namespace {

constexpr std::size_t stack_bytes = 256 * 1024;
constexpr unsigned warp_size = 32;

enum class State { unstarted, ready, at_barrier, at_warp_op, done };

struct Fibre;

struct Thread {
  Dim3 index;
  State state = State::unstarted;
  Fibre* fibre = nullptr;
  unsigned linear = 0;
  unsigned mask = 0;
  Site site{"", 0};
};

/// A stack to run on. ASan must be told of every switch, or it takes the other stack for a wild one.
struct Fibre {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  void* fake_stack = nullptr;
  void* tsan = nullptr;
  bool idle = true;
};

#if defined(SIMT_TSAN)
constexpr bool a_fibre_each = true;
void* create_tsan_fibre() { return __tsan_create_fiber(0); }
void* current_tsan_fibre() { return __tsan_get_current_fiber(); }
void switch_tsan_fibre(void* to) { __tsan_switch_to_fiber(to, 1 /* not a synchronisation */); }
void release(char& tag) { __tsan_release(&tag); }
void acquire(char& tag) { __tsan_acquire(&tag); }
#else
constexpr bool a_fibre_each = false;
void* create_tsan_fibre() { return nullptr; }
void* current_tsan_fibre() { return nullptr; }
void switch_tsan_fibre(void*) {}
void release(char&) {}
void acquire(char&) {}
#endif
char block_begins, block_ends, at_barrier, in_warp[32];  // what threads synchronise by, for ThreadSanitizer

struct Machine {
  std::vector<Thread> threads;
  std::vector<unsigned> order;     // of threads
  std::size_t next_unstarted = 0;  // in order
  std::vector<std::unique_ptr<Fibre>> fibres;
  std::vector<std::uint64_t> words;  // a slot per thread for warp operations
  Fibre scheduler;
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_stack_bytes = 0;
  Fibre* running = nullptr;
  Thread* thread = nullptr;
  const std::function<void()>* body = nullptr;
  Order wanted = Order::ascending;
  std::mt19937 random{20261123};
};

Machine& machine() {
  static Machine m;
  return m;
}

void arrive([[maybe_unused]] void* fake_stack) {
#if defined(SIMT_ASAN)
  Machine& m = machine();
  const void* from = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &from, &bytes);
  if (m.running != nullptr && m.scheduler_stack == nullptr) {
    m.scheduler_stack = from;
    m.scheduler_stack_bytes = bytes;
  }
#endif
}

void to_fibre(Fibre& fibre) {
  Machine& m = machine();
  m.running = &fibre;
#if defined(SIMT_ASAN)
  __sanitizer_start_switch_fiber(&m.scheduler.fake_stack, fibre.stack.get(), stack_bytes);
#endif
  switch_tsan_fibre(fibre.tsan);
  swapcontext(&m.scheduler.context, &fibre.context);
  m.running = nullptr;
  arrive(m.scheduler.fake_stack);
}

void to_scheduler() {
  Machine& m = machine();
  Fibre& fibre = *m.running;
#if defined(SIMT_ASAN)
  __sanitizer_start_switch_fiber(&fibre.fake_stack, m.scheduler_stack, m.scheduler_stack_bytes);
#endif
  switch_tsan_fibre(m.scheduler.tsan);
  swapcontext(&fibre.context, &m.scheduler.context);
  arrive(fibre.fake_stack);
}

void enter(Thread& thread) {
  machine().thread = &thread;
  indices().thread = thread.index;
}

void fibre_main() {
  arrive(nullptr);
  Machine& m = machine();
  for (;;) {
    while (m.next_unstarted < m.order.size()) {
      enter(m.threads[m.order[m.next_unstarted++]]);
      m.thread->fibre = m.running;
      acquire(block_begins);
      (*m.body)();
      release(block_ends);
      m.thread->state = State::done;
      if (a_fibre_each) break;
    }
    m.running->idle = !a_fibre_each;
    to_scheduler();
  }
}

Fibre& idle_fibre() {
  Machine& m = machine();
  for (auto& fibre : m.fibres) {
    if (fibre->idle) return *fibre;
  }
  auto fibre = std::make_unique<Fibre>();
  fibre->stack = std::make_unique<char[]>(stack_bytes);
  getcontext(&fibre->context);
  fibre->context.uc_stack.ss_sp = fibre->stack.get();
  fibre->context.uc_stack.ss_size = stack_bytes;
  makecontext(&fibre->context, fibre_main, 0);
  fibre->tsan = create_tsan_fibre();
  m.fibres.push_back(std::move(fibre));
  return *m.fibres.back();
}

void wait_as(State state, Site site) {
  Thread& self = *machine().thread;
  self.state = state;
  self.site = site;
  to_scheduler();
}

bool same_site(Site a, Site b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

/// Lets a group of lanes go on once every lane that the mask names has come to the same operation.
bool release_warp(unsigned first) {
  Machine& m = machine();
  const unsigned end = std::min<unsigned>(first + warp_size, static_cast<unsigned>(m.threads.size()));
  bool released = false;
  for (unsigned i = first; i < end; ++i) {
    const Thread& leader = m.threads[i];
    if (leader.state != State::at_warp_op) continue;
    bool complete = true;
    for (unsigned l = 0; l < warp_size; ++l) {
      if ((leader.mask >> l & 1u) == 0) continue;
      if (first + l >= end) fail("a warp mask names a lane that does not exist");
      const Thread& other = m.threads[first + l];
      if (other.state == State::done) fail("a warp mask names a lane that has exited");
      complete =
          complete && other.state == State::at_warp_op && other.mask == leader.mask && same_site(other.site, leader.site);
    }
    if (!complete) continue;
    const unsigned mask = leader.mask;
    for (unsigned l = 0; l < warp_size; ++l) {
      if (mask >> l & 1u) m.threads[first + l].state = State::ready;
    }
    released = true;
  }
  return released;
}

bool release_barrier() {
  Machine& m = machine();
  const Site site = m.threads.front().site;
  for (const Thread& t : m.threads) {
    if (t.state == State::at_warp_op) return false;
    if (t.state == State::done) fail("__syncthreads() with threads that have exited");
    if (!same_site(t.site, site)) fail("threads at different __syncthreads()");
  }
  for (Thread& t : m.threads) t.state = State::ready;
  return true;
}

bool all_done() {
  const auto& threads = machine().threads;
  return std::all_of(threads.begin(), threads.end(), [](const Thread& t) { return t.state == State::done; });
}

void start_block(Dim3 index) {
  Machine& m = machine();
  const Dim3 block = indices().block_dim;
  indices().block = index;
  m.next_unstarted = 0;
  for (unsigned i = 0; i < m.threads.size(); ++i) {
    m.threads[i] = Thread{};
    m.threads[i].index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    m.threads[i].linear = i;
  }
  if (m.wanted == Order::shuffled) std::shuffle(m.order.begin(), m.order.end(), m.random);
}

void run_block(Dim3 index) {
  Machine& m = machine();
  start_block(index);
  m.scheduler.tsan = current_tsan_fibre();
  release(block_begins);
  while (m.next_unstarted < m.order.size()) {
    Fibre& fibre = idle_fibre();
    fibre.idle = false;
    to_fibre(fibre);
  }
  while (!all_done()) {
    bool released = false;
    for (unsigned first = 0; first < m.threads.size(); first += warp_size) released = release_warp(first) || released;
    if (!released && !release_barrier()) fail("deadlock");
    for (unsigned i : m.order) {
      if (m.threads[i].state != State::ready) continue;
      enter(m.threads[i]);
      to_fibre(*m.thread->fibre);
    }
  }
  acquire(block_ends);
  for (auto& fibre : m.fibres) fibre->idle = true;
}

}  // namespace

void set_order(Order order) { machine().wanted = order; }

int Runtime::outcome(const char* call, int error) {
  ++calls[call];
  const auto fault = faults.find(call);
  if (fault != faults.end()) error = fault->second;
  if (error != 0) last_error = error;
  return error;
}

Runtime& runtime() {
  static Runtime r;
  return r;
}

void launch(Dim3 grid, Dim3 block, const std::function<void()>& body) {
  Machine& m = machine();
  indices().block_dim = block;
  indices().grid_dim = grid;
  m.body = &body;
  m.threads.resize(block.count());
  m.words.assign(block.count() + warp_size, 0);
  m.order.resize(block.count());
  for (unsigned i = 0; i < m.order.size(); ++i)
    m.order[i] = m.wanted == Order::descending ? static_cast<unsigned>(m.order.size()) - 1 - i : i;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        // Blocks run in the chosen order too.
        m.wanted == Order::descending ? run_block({grid.x - 1 - x, grid.y - 1 - y, grid.z - 1 - z}) : run_block({x, y, z});
      }
    }
  }
}

Indices& indices() {
  static Indices all;
  return all;
}

unsigned lane() { return machine().thread->linear % warp_size; }

void fail(const char* what) {
  const Dim3 block = indices().block;
  std::fprintf(stderr, "simt: %s, in block (%u, %u, %u)\n", what, block.x, block.y, block.z);
  int listed = 0;
  for (const Thread& t : machine().threads) {
    if (t.site.line != 0 && listed++ < 6)
      std::fprintf(stderr, "  thread %u: %s at %s:%d, mask %08x\n", t.linear, t.state == State::done ? "exited, last" : "waits",
                   t.site.file, t.site.line, t.mask);
  }
  std::abort();
}

void sync_block(Site site) {
  release(at_barrier);
  wait_as(State::at_barrier, site);
  acquire(at_barrier);
}

void sync_warp(unsigned mask, Site site) {
  Thread& self = *machine().thread;
  self.site = site;
  self.mask = mask;
  if ((mask >> lane() & 1u) == 0) fail("a lane calls a warp operation whose mask does not name it");
  char& warp = in_warp[self.linear / warp_size];
  release(warp);
  wait_as(State::at_warp_op, site);
  acquire(warp);
}

std::uint64_t exchange_word(unsigned mask, std::uint64_t v, unsigned source, Site site) {
  Machine& m = machine();
  const unsigned self = m.thread->linear, first = self - self % warp_size;
  m.words[self] = v;
  sync_warp(mask, site);
  if ((mask >> source % warp_size & 1u) == 0) fail("a shuffle reads a lane outside its mask");
  const std::uint64_t read = m.words[first + source % warp_size];
  sync_warp(mask, site);  // nobody writes its slot again before all have read
  return read;
}

unsigned ballot(unsigned mask, bool predicate, Site site) {
  Machine& m = machine();
  const unsigned self = m.thread->linear, first = self - self % warp_size;
  m.words[self] = predicate;
  sync_warp(mask, site);
  unsigned votes = 0;
  for (unsigned l = 0; l < warp_size; ++l) {
    if (mask >> l & 1u) votes |= static_cast<unsigned>(m.words[first + l]) << l;
  }
  sync_warp(mask, site);
  return votes;
}

}  // namespace simt
