// Peers: other programs that do the work of an op, on the same buffers and in the same turns. Each is optional. One that is not
// built, not installed, or has no such op is absent, with a reason.
#pragma once

#include "timing.hpp"
#include "workload.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace rectify::bench {

/// Why a peer does not take part.
struct Absent : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A peer's calls for the sets of one case.
struct PeerCalls {
  std::string how;  ///< what is called
  std::vector<harness::Work> of_set;
  /// For a peer in another process: makes calls on the sets from `first` on, in turn, and returns how long they took. Its call on
  /// the first set also copies results that it allocates into the buffers if `check` is set.
  std::function<double(int first, int calls, bool check)> remote = {};
};

class Peer {
 public:
  virtual ~Peer() = default;
  virtual std::string name() const = 0;
  virtual std::string version() const = 0;
  /// Throws Absent if the peer has no such op, dtype or layout.
  virtual PeerCalls prepare(const std::vector<Workload>& sets) = 0;
  /// For a peer in another process: memory that it can use too. It has no allocate() if the device's own serves.
  virtual Memory memory(Device device) { return {device, nullptr}; }
};

/// Names for --baseline.
std::vector<std::string> peer_names();
/// Throws Absent if the peer is not built or not installed, or not for this device.
std::unique_ptr<Peer> make_peer(const std::string& name, Device device);

std::unique_ptr<Peer> make_loop();
std::unique_ptr<Peer> make_eigen();
std::unique_ptr<Peer> make_onednn();
std::unique_ptr<Peer> make_torch();
std::unique_ptr<Peer> make_cub();
std::unique_ptr<Peer> make_thrust();
std::unique_ptr<Peer> make_cudnn();

/// The parts that peers share: throws Absent unless the op is one of these, its tensors are dense, and it has no gain.
void require_op(const Workload& work, std::initializer_list<const char*> names);

template <class T>
T* data(const Workload& work, const char* name) {
  return static_cast<T*>(work.view(operand(name)).data());
}
std::int64_t elements(const TensorView& view);

}  // namespace rectify::bench
