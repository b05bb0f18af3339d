// The scheduler. A fibre runs the threads of a block one after the other until one of them has to wait, so a kernel without barriers runs
// on a single fibre, at the speed of a loop. Under ThreadSanitizer each thread has a fibre of its own; otherwise it would not see races
// between threads.
#include "simt.hpp"

#include "fibre.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace simt {
namespace {

constexpr unsigned warp_size = 32;

enum class State { unstarted, ready, at_barrier, at_warp_op, done };

struct Thread {
  Dim3 index;
  State state = State::unstarted;
  Fibre* fibre = nullptr;
  unsigned linear = 0;
  unsigned mask = 0;
  Site site{"", 0};
};

struct Machine {
  std::vector<Thread> threads;
  std::vector<unsigned> order;     // of threads
  std::size_t next_unstarted = 0;  // in order
  Fibres fibres;
  std::vector<std::uint64_t> words;  // a slot per thread for warp operations
  Thread* thread = nullptr;
  const std::function<void()>* body = nullptr;
  Order wanted = Order::ascending;
  std::mt19937 random{20261123};
};

Machine& machine() {
  static Machine m;
  return m;
}

void enter(Thread& thread) {
  machine().thread = &thread;
  indices().thread = thread.index;
}

void fibre_main() {
  Machine& m = machine();
  m.fibres.begin();
  for (;;) {
    while (m.next_unstarted < m.order.size()) {
      enter(m.threads[m.order[m.next_unstarted++]]);
      m.thread->fibre = m.fibres.running();
      acquire(block_begins);
      (*m.body)();
      release(block_ends);
      m.thread->state = State::done;
      if (a_fibre_each) break;
    }
    m.fibres.running()->idle = !a_fibre_each;
    m.fibres.to_scheduler();
  }
}

void wait_as(State state, Site site) {
  Thread& self = *machine().thread;
  self.state = state;
  self.site = site;
  machine().fibres.to_scheduler();
}

bool same_site(Site a, Site b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

/// Makes a group of lanes ready once every lane that the mask names has reached the same operation.
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
  release(block_begins);
  while (m.next_unstarted < m.order.size()) m.fibres.start(fibre_main);
  while (!all_done()) {
    bool released = false;
    for (unsigned first = 0; first < m.threads.size(); first += warp_size) released = release_warp(first) || released;
    if (!released && !release_barrier()) fail("deadlock");
    for (unsigned i : m.order) {
      if (m.threads[i].state != State::ready) continue;
      enter(m.threads[i]);
      m.fibres.to(*m.thread->fibre);
    }
  }
  acquire(block_ends);
  m.fibres.all_idle();
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
  sync_warp(mask, site);  // no lane may write its slot again before all have read
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
