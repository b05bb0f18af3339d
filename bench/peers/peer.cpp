// Makes peers by name.
#include "peers/peer.hpp"

#include "elements.hpp"

#include <algorithm>
#include <map>

namespace rectify::bench {
namespace {

using Maker = std::unique_ptr<Peer> (*)();
using Kind = Device::Kind;

struct Known {
  Kind device;
  Maker make;
  const char* missing;  ///< why it is not built; null if it is
};

const std::map<std::string, Known>& known_peers() {
  static const std::map<std::string, Known> all{
      {"loop", {Kind::cpu, make_loop, nullptr}},
#ifdef RECTIFY_BENCH_EIGEN
      {"eigen", {Kind::cpu, make_eigen, nullptr}},
#else
      {"eigen", {Kind::cpu, nullptr, "built without Eigen (Debian: libeigen3-dev)"}},
#endif
#ifdef RECTIFY_BENCH_ONEDNN
      {"onednn", {Kind::cpu, make_onednn, nullptr}},
#else
      {"onednn", {Kind::cpu, nullptr, "built without oneDNN (Debian: libdnnl-dev)"}},
#endif
      {"torch", {Kind::cpu, make_torch, nullptr}},
#ifdef RECTIFY_BENCH_CUDA
      {"cub", {Kind::cuda, make_cub, nullptr}},      {"thrust", {Kind::cuda, make_thrust, nullptr}},
      {"cudnn", {Kind::cuda, make_cudnn, nullptr}},
#else
      {"cub", {Kind::cuda, nullptr, "built without CUDA"}},
      {"thrust", {Kind::cuda, nullptr, "built without CUDA"}},
      {"cudnn", {Kind::cuda, nullptr, "built without CUDA"}},
#endif
  };
  return all;
}

}  // namespace

std::vector<std::string> peer_names() {
  std::vector<std::string> names;
  for (const auto& [name, known] : known_peers()) names.push_back(name);
  return names;
}

std::unique_ptr<Peer> make_peer(const std::string& name, Device device) {
  const Known& known = known_peers().at(name);
  if (known.device != device.kind) throw Absent(known.device == Kind::cpu ? "is a peer for the CPU" : "is a peer for a GPU");
  if (known.missing != nullptr) throw Absent(known.missing);
  return known.make();
}

std::int64_t elements(const TensorView& view) { return reference::element_count(view.shape()); }

void require_op(const Workload& work, std::initializer_list<const char*> names) {
  const Op& op = work.op();
  if (std::find(names.begin(), names.end(), op.name) == names.end()) throw Absent("has no such op");
  if (op.layout.gap > 0 || op.layout.channels_last) throw Absent("is measured on dense tensors alone");
  if (work.in_place()) throw Absent("is not measured in place");
}

}  // namespace rectify::bench
