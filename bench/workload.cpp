// Makes the operands of an op, fills them, and compares its outputs with the reference.
#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rectify::bench {
namespace {

/// Sums have the compute type.
DType sum_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

/// True if a sum is within the error bound of additions by halves with a short chain at each step. False for NaN.
bool is_near(double got, const reference::ExactSum& exact, DType dtype) {
  const double eps = dtype == DType::f64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  const double additions = 2 * (std::log2(static_cast<double>(exact.terms)) + 8);
  return std::fabs(got - exact.sum) <= additions * eps * exact.magnitude;
}

}  // namespace

Workload::Workload(const Op& op, const Relu& relu, DType dtype, std::int64_t elements, Memory& memory)
    : op_(op), relu_(relu), dtype_(dtype), units_(elements / op.layout.unit_elements()), device_(memory.device()) {
  for (const Operand operand : op.operands) buffers_[index_of(operand)] = make_buffer(operand, memory);
  if (!op.has_sums()) return;
  workspace_bytes_ = workspace_bytes(relu_, backward_operands());
  workspace_ = memory.take(workspace_bytes_, Memory::Use::written);
}

Buffer Workload::make_buffer(Operand operand, Memory& memory) const {
  const Layout& layout = op_.layout;
  const Memory::Use use = op_.is_output(operand) ? Memory::Use::written : Memory::Use::read;
  if (is_parameter(operand)) return Buffer(dtype_, 1, layout.channels(), memory, use);
  if (is_sum(operand)) return Buffer(sum_dtype(dtype_), 1, op_.sum_elements(operand), memory, use);
  const DType dtype = operand == bench::operand("mask") ? mask_of(relu_, dtype_) : dtype_;
  const bool broadcast = operand == bench::operand("x") && layout.x_is_broadcast;
  return Buffer(dtype, broadcast ? 1 : layout.lines(), units_ * layout.unit_elements() / layout.lines(), memory, use);
}

TensorView Workload::view(Operand operand) const {
  if (!op_.uses(operand)) return {};
  const Shape shape = is_sum(operand)         ? Shape{op_.sum_elements(operand)}
                      : is_parameter(operand) ? Shape{op_.layout.channels()}
                                              : op_.layout.shape(units_);
  const TensorView dense(data(operand), buffer(operand).dtype(), shape, device_);
  return operand == bench::operand("x") && op_.layout.x_is_broadcast ? dense.strided({0, 1}) : dense;
}

/// The tensors of a call, its channel axis and its gain.
template <class Operands>
Operands Workload::operands() const {
  Operands all;
  detail::for_each_operand<Operands>([&](const detail::Operand& each, const auto& member) { member.set(all, view(&each)); });
  all.channel_axis = op_.layout.channel_axis;
  all.gain = op_.gain;
  return all;
}

Forward Workload::forward_operands() const { return operands<Forward>(); }

Backward Workload::backward_operands() const {
  Backward all = operands<Backward>();
  all.workspace = {workspace_.get(), workspace_bytes_};
  all.accumulate = op_.accumulate;
  return all;
}

Workload Workload::solved_block() const {
  const Layout& layout = op_.layout;
  Memory memory(Device::cpu());
  Workload block(op_, relu_, dtype_, std::min(units_, layout.block_units) * layout.unit_elements(), memory);
  for (const Operand operand : op_.operands) {
    if (!op_.is_output(operand)) block.buffer(operand).randomise(static_cast<unsigned>(index_of(operand)) + 1);
    if (op_.accumulate && is_sum(operand)) block.buffer(operand).fill(0);
  }
  if (op_.direction == Direction::forward) {
    reference::forward(relu_, block.forward_operands());
  } else {
    reference::backward(relu_, block.backward_operands());
  }
  return block;
}

void Workload::prepare(const Workload& block) const {
  for (const Operand operand : op_.operands) {
    if (op_.accumulate && is_sum(operand)) {
      buffer(operand).fill(0);  // the value to which the sum is added
    } else if (op_.is_output(operand)) {
      buffer(operand).fill(0xff);  // so that an element that is not written differs from the reference
    } else {
      buffer(operand).repeat(block.buffer(operand));
    }
  }
}

std::function<void()> Workload::call() const {
  if (op_.direction == Direction::forward) return [relu = relu_, all = forward_operands()] { forward(relu, all); };
  return [relu = relu_, all = backward_operands()] { backward(relu, all); };
}

std::vector<reference::ExactSum> Workload::exact_sums(Operand sum, std::int64_t units) const {
  Workload first = *this;  // shares the memory; a layout with sums has one line, so its first units are the first bytes
  first.units_ = units;
  return reference::exact_sums(relu_, first.backward_operands(), static_cast<reference::SumName>(sum->index));
}

std::vector<reference::ExactSum> Workload::exact_sums(Operand sum, const Workload& block) const {
  const std::int64_t repeats = units_ / block.units_;
  std::vector<reference::ExactSum> all = block.exact_sums(sum, block.units_);
  const std::vector<reference::ExactSum> rest = block.exact_sums(sum, units_ % block.units_);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].sum = all[i].sum * repeats + rest[i].sum;
    all[i].magnitude = all[i].magnitude * repeats + rest[i].magnitude;
    all[i].terms = all[i].terms * repeats + rest[i].terms;
  }
  return all;
}

std::int64_t Workload::first_difference(Operand output, const Workload& block) const {
  if (!is_sum(output)) return buffer(output).first_difference(block.buffer(output));
  const std::vector<reference::ExactSum> exact = exact_sums(output, block);
  const std::vector<double> got = buffer(output).numbers();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!is_near(got[i], exact[i], buffer(output).dtype())) return static_cast<std::int64_t>(i);
  }
  return -1;
}

std::string Workload::difference(const Workload& block) const {
  for (const Operand operand : op_.operands) {
    if (!op_.is_output(operand)) continue;
    const std::int64_t element = first_difference(operand, block);
    if (element >= 0) return std::string(operand->name) + " at element " + std::to_string(element);
  }
  return {};
}

}  // namespace rectify::bench
