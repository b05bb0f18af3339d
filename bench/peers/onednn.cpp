// oneDNN's primitives: eltwise for the functions that it has, and prelu. Each is made once over the buffers. For oneDNN 2 and 3.
#include "peers/peer.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <limits>
#include <unordered_map>

namespace rectify::bench {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Arguments = std::unordered_map<int, memory>;

struct Function {
  algorithm kind;
  float alpha, beta;
};

#if DNNL_VERSION_MAJOR >= 3
auto forward_of(const dnnl::engine& engine, prop_kind prop, const Function& f, const memory::desc& t) {
  return dnnl::eltwise_forward::primitive_desc(engine, prop, f.kind, t, t, f.alpha, f.beta);
}
auto backward_of(const dnnl::engine& engine, const Function& f, const memory::desc& t) {
  return dnnl::eltwise_backward::primitive_desc(engine, f.kind, t, t, t, f.alpha, f.beta,
                                                forward_of(engine, prop_kind::forward_training, f, t));
}
auto prelu_of(const dnnl::engine& engine, prop_kind prop, const memory::desc& t, const memory::desc& weights) {
  return dnnl::prelu_forward::primitive_desc(engine, prop, t, weights, t);
}
auto prelu_backward_of(const dnnl::engine& engine, const memory::desc& t, const memory::desc& weights) {
  return dnnl::prelu_backward::primitive_desc(engine, t, weights, t, weights, t,
                                              prelu_of(engine, prop_kind::forward_training, t, weights));
}
#else
auto forward_of(const dnnl::engine& engine, prop_kind prop, const Function& f, const memory::desc& t) {
  return dnnl::eltwise_forward::primitive_desc(dnnl::eltwise_forward::desc(prop, f.kind, t, f.alpha, f.beta), engine);
}
auto backward_of(const dnnl::engine& engine, const Function& f, const memory::desc& t) {
  return dnnl::eltwise_backward::primitive_desc(dnnl::eltwise_backward::desc(f.kind, t, t, f.alpha, f.beta), engine,
                                                forward_of(engine, prop_kind::forward_training, f, t));
}
auto prelu_of(const dnnl::engine& engine, prop_kind prop, const memory::desc& t, const memory::desc& weights) {
  return dnnl::prelu_forward::primitive_desc(dnnl::prelu_forward::desc(prop, t, weights), engine);
}
auto prelu_backward_of(const dnnl::engine& engine, const memory::desc& t, const memory::desc& weights) {
  return dnnl::prelu_backward::primitive_desc(dnnl::prelu_backward::desc(t, weights, t, weights), engine,
                                              prelu_of(engine, prop_kind::forward_training, t, weights));
}
#endif

Function function_of(const Relu& f) {
  if (f.threshold != 0) throw Absent("has no threshold other than 0");
  const bool capped = f.max_value < std::numeric_limits<double>::infinity();
  if (capped && f.alpha != 0) throw Absent("has no leaky function with a cap");
  if (capped) return {algorithm::eltwise_clip_v2, 0, static_cast<float>(f.max_value)};
  return {algorithm::eltwise_relu, static_cast<float>(f.alpha), 0};
}

memory::data_type type_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return memory::data_type::f16;
    case DType::bf16: return memory::data_type::bf16;
    case DType::f32: return memory::data_type::f32;
    default: throw Absent("has no f64");
  }
}

class OneDnn : public Peer {
 public:
  std::string name() const override { return "oneDNN"; }
  std::string version() const override {
    const dnnl_version_t* const v = dnnl_version();
    return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  }
  PeerCalls prepare(const std::vector<Workload>& sets) override {
    require_op(sets[0], {"forward", "backward", "prelu_forward", "prelu_backward_dalpha"});
    try {
      return sets[0].op().uses(operand("alpha")) ? prelu(sets) : eltwise(sets);
    } catch (const dnnl::error& error) {
      throw Absent(std::string("has no such primitive: ") + error.what());
    }
  }

 private:
  PeerCalls eltwise(const std::vector<Workload>& sets) {
    const Function f = function_of(sets[0].relu());
    const memory::desc t({elements(sets[0].view(operand("x")))}, type_of(sets[0].dtype()), memory::format_tag::a);
    if (sets[0].op().direction == Direction::forward)
      return calls(sets, forward_of(engine_, prop_kind::forward_inference, f, t), "eltwise",
                   {{DNNL_ARG_SRC, t, "x"}, {DNNL_ARG_DST, t, "y"}});
    return calls(sets, backward_of(engine_, f, t), "eltwise",
                 {{DNNL_ARG_SRC, t, "x"}, {DNNL_ARG_DIFF_DST, t, "dy"}, {DNNL_ARG_DIFF_SRC, t, "dx"}});
  }

  PeerCalls prelu(const std::vector<Workload>& sets) {
    const Workload& first = sets[0];
    const bool backwards = first.op().direction == Direction::backward;
    if (backwards && first.dtype() != DType::f32) throw Absent("its dalpha has the type of alpha");
    const std::int64_t n = elements(first.view(operand("x"))), channels = elements(first.view(operand("alpha")));
    if (first.op().layout.extents.rank() != 2) throw Absent("is measured on rows alone");
    const memory::desc t({n / channels, channels}, type_of(first.dtype()), memory::format_tag::ab);
    const memory::desc w({1, channels}, type_of(first.dtype()), memory::format_tag::ab);
    if (!backwards)
      return calls(sets, prelu_of(engine_, prop_kind::forward_inference, t, w), "prelu",
                   {{DNNL_ARG_SRC, t, "x"}, {DNNL_ARG_WEIGHTS, w, "alpha"}, {DNNL_ARG_DST, t, "y"}});
    return calls(sets, prelu_backward_of(engine_, t, w), "prelu",
                 {{DNNL_ARG_SRC, t, "x"},
                  {DNNL_ARG_WEIGHTS, w, "alpha"},
                  {DNNL_ARG_DIFF_DST, t, "dy"},
                  {DNNL_ARG_DIFF_SRC, t, "dx"},
                  {DNNL_ARG_DIFF_WEIGHTS, w, "dalpha"}});
  }

  struct Argument {
    int index;
    memory::desc desc;
    const char* operand;
  };

  template <class Description>
  PeerCalls calls(const std::vector<Workload>& sets, const Description& made, const char* what,
                  const std::vector<Argument>& arguments) {
    PeerCalls all{std::string(what) + ", " + made.impl_info_str(), {}};
    const dnnl::primitive primitive(made.get());
    for (const Workload& work : sets) {
      Arguments at;
      for (const Argument& each : arguments) at[each.index] = dnnl::memory(each.desc, engine_, data<void>(work, each.operand));
      all.of_set.push_back([this, primitive, at](void*) {
        primitive.execute(stream_, at);
        stream_.wait();
      });
    }
    return all;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

}  // namespace

std::unique_ptr<Peer> make_onednn() { return std::make_unique<OneDnn>(); }

}  // namespace rectify::bench
