// oneDNN's elementwise primitive behind a C interface, for cpu.py: made once over given buffers, run many times. For oneDNN 2 and 3.
#include <oneapi/dnnl/dnnl.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <unordered_map>

namespace {

using dnnl::algorithm;
using dnnl::eltwise_backward;
using dnnl::eltwise_forward;
using dnnl::memory;
using dnnl::prop_kind;

struct Request {
  memory::desc tensor;
  algorithm function;
  float alpha, beta;
};

#if DNNL_VERSION_MAJOR >= 3
eltwise_forward::primitive_desc forward_of(const Request& r, const dnnl::engine& engine, prop_kind kind) {
  return {engine, kind, r.function, r.tensor, r.tensor, r.alpha, r.beta};
}
eltwise_backward::primitive_desc backward_of(const Request& r, const dnnl::engine& engine) {
  return {engine,   r.function, r.tensor, r.tensor,
          r.tensor, r.alpha,    r.beta,   forward_of(r, engine, prop_kind::forward_training)};
}
#else
eltwise_forward::primitive_desc forward_of(const Request& r, const dnnl::engine& engine, prop_kind kind) {
  return {eltwise_forward::desc(kind, r.function, r.tensor, r.alpha, r.beta), engine};
}
eltwise_backward::primitive_desc backward_of(const Request& r, const dnnl::engine& engine) {
  return {eltwise_backward::desc(r.function, r.tensor, r.tensor, r.alpha, r.beta), engine,
          forward_of(r, engine, prop_kind::forward_training)};
}
#endif

struct Eltwise {
  dnnl::stream stream;
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
  std::string implementation;
};

thread_local std::string last_error;

std::unique_ptr<Eltwise> make(const Request& request, void* x, void* y, void* dy, void* dx) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto at = [&](void* data) { return memory(request.tensor, engine, data); };
  auto made = std::make_unique<Eltwise>();
  made->stream = dnnl::stream(engine);
  if (dy == nullptr) {
    const auto description = forward_of(request, engine, prop_kind::forward_inference);
    made->implementation = description.impl_info_str();
    made->primitive = eltwise_forward(description);
    made->arguments = {{DNNL_ARG_SRC, at(x)}, {DNNL_ARG_DST, at(y)}};
  } else {
    const auto description = backward_of(request, engine);
    made->implementation = description.impl_info_str();
    made->primitive = eltwise_backward(description);
    made->arguments = {{DNNL_ARG_SRC, at(x)}, {DNNL_ARG_DIFF_DST, at(dy)}, {DNNL_ARG_DIFF_SRC, at(dx)}};
  }
  return made;
}

}  // namespace

extern "C" {

const char* onednn_last_error() { return last_error.c_str(); }

std::int32_t onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return v->major * 10000 + v->minor * 100 + v->patch;
}

/// A primitive over the buffers, or null with a text in onednn_last_error(). Forward if dy is null. dtype: 1 f16, 2 bf16, 3 f32,
/// as in rectify.h. capped: 0 for (leaky) ReLU with slope `alpha` below 0, 1 for a clip to [alpha, beta].
Eltwise* onednn_eltwise(std::int32_t dtype, std::int64_t elements, std::int32_t capped, float alpha, float beta, void* x,
                        void* y, void* dy, void* dx) {
  constexpr memory::data_type types[] = {memory::data_type::f16, memory::data_type::bf16, memory::data_type::f32};
  try {
    const memory::desc tensor({elements}, types[dtype - 1], memory::format_tag::a);
    const auto function = capped != 0 ? algorithm::eltwise_clip_v2 : algorithm::eltwise_relu;
    return make({tensor, function, alpha, beta}, x, y, dy, dx).release();
  } catch (const std::exception& error) {
    last_error = error.what();
    return nullptr;
  }
}

const char* onednn_implementation(const Eltwise* made) { return made->implementation.c_str(); }

std::int32_t onednn_run(Eltwise* made, std::int64_t calls) {
  try {
    for (std::int64_t i = 0; i < calls; ++i) made->primitive.execute(made->stream, made->arguments);
    made->stream.wait();
    return 0;
  } catch (const std::exception& error) {
    last_error = error.what();
    return 1;
  }
}

void onednn_free(Eltwise* made) { delete made; }

}  // extern "C"
