// The elementwise half of the reference: forward, and dx and dresidual of backward; loads and stores; and the exact function.
#include "elements.hpp"
#include "formats.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace rectify::reference {
namespace {

template <class C>
void write_element(const TensorView& view, const Index& index, C v) {
  if (view.present()) store(view.dtype(), static_cast<char*>(view.data()) + byte_offset(view, index), static_cast<double>(v));
}

void write_bits(const TensorView& mask, const Index& index, Piece piece) {
  if (!mask.present()) return;
  const int width = bits_per_element(mask.dtype());
  const std::int64_t bit = element_offset(mask, index) * width;
  const unsigned bits = width == 2 ? static_cast<unsigned>(piece) : piece == linear ? 1u : 0u;
  static_cast<unsigned char*>(mask.data())[bit / 8] |= static_cast<unsigned char>(bits << (bit % 8));
}

template <class C>
void forward_in(const Relu& relu, const Forward& operands) {
  const SharedOperands<C, Forward> shared(relu, operands, operands.x.shape());
  const bool is_parallel = !operands.mask.present();  // the bits of several elements share a byte
  for_each_element(operands.x.shape(), is_parallel, [&](const Index& index) {
    const Parameters<C> p = shared.parameters(index);
    const C z = shared.z(index);
    write_element(operands.y, index, value_of(p, z) * static_cast<C>(operands.gain));
    write_bits(operands.mask, index, piece_of(p, z));
  });
}

template <class C>
void backward_in(const Relu& relu, const Backward& operands) {
  const SharedOperands<C, Backward> shared(relu, operands, operands.dy.shape());
  for_each_element(operands.dy.shape(), true, [&](const Index& index) {
    const Parameters<C> p = shared.parameters(index);
    const C dz = gradient_of(p, value_gradient<C>(operands, index), piece_of_source(operands, shared, p, index));
    write_element(operands.dx, index, operands.scale.present() ? dz * shared.channel_value(operands.scale, index) : dz);
    write_element(operands.dresidual, index, dz);
  });
}

template <class T>
T read_bytes(const void* address) {
  T v;
  std::memcpy(&v, address, sizeof v);
  return v;
}

template <class T>
void write_bytes(void* address, T v) {
  std::memcpy(address, &v, sizeof v);
}

}  // namespace

double load(DType dtype, const void* address) {
  if (dtype == DType::f64) return read_bytes<double>(address);
  if (dtype == DType::f32) return static_cast<double>(read_bytes<float>(address));
  // Each value is decoded once, because tests load millions.
  static const std::vector<double> f16_values = every(f16), bf16_values = every(bf16);
  return (dtype == DType::f16 ? f16_values : bf16_values)[read_bytes<std::uint16_t>(address)];
}

void store(DType dtype, void* address, double v) {
  if (dtype == DType::f64) return write_bytes(address, v);
  if (dtype == DType::f32) return write_bytes(address, static_cast<float>(v));
  write_bytes(address, encode(dtype == DType::f16 ? f16 : bf16, static_cast<float>(v)));
}

void forward(const Relu& relu, const Forward& operands) {
  if (operands.mask.present()) {  // bits past the last element become 0 too
    const std::int64_t bits = element_count(operands.mask.shape()) * bits_per_element(operands.mask.dtype());
    std::fill_n(static_cast<unsigned char*>(operands.mask.data()), (bits + 7) / 8, static_cast<unsigned char>(0));
  }
  operands.x.dtype() == DType::f64 ? forward_in<double>(relu, operands) : forward_in<float>(relu, operands);
}

void backward(const Relu& relu, const Backward& operands) {
  write_sums(relu, operands);  // first, because dx may be written over dy or x
  operands.dy.dtype() == DType::f64 ? backward_in<double>(relu, operands) : backward_in<float>(relu, operands);
}

void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y) {
  Forward operands;
  operands.x = x;
  operands.y = y;
  reference::forward(relu, operands);
}

void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx) {
  Backward operands;
  operands.dy = dy;
  operands.x = x;
  operands.dx = dx;
  reference::backward(relu, operands);
}

long double exact_value(const Relu& relu, DType dtype, long double x) {
  return dtype == DType::f64 ? value_of(in_compute_type<double>(relu), x) : value_of(in_compute_type<float>(relu), x);
}

long double exact_gradient(const Relu& relu, DType dtype, long double dy, long double x) {
  const auto exact = [&](const auto& p) { return gradient_of(p, dy, piece_of(p, x)); };
  return dtype == DType::f64 ? exact(in_compute_type<double>(relu)) : exact(in_compute_type<float>(relu));
}

}  // namespace rectify::reference
