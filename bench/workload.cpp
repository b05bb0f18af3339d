// Makes the operands of an op, fills them, and compares its outputs with the reference.
#include "workload.hpp"

#include <algorithm>
#include <cmath>

namespace rectify::bench {
namespace {

/// Sums have the compute type.
DType sum_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

/// True if a sum is within the error bound of additions by halves with a short chain at each step. With a tolerance, which peers
/// have, one after another may be added, and rounded to the tensors' type: by chance, errors grow with the root of their number.
bool is_near(double got, const reference::ExactSum& exact, DType dtype, int tolerance) {
  const double eps = precision_of(sum_dtype(dtype)), terms = static_cast<double>(exact.terms);
  const double additions = 2 * (std::log2(terms) + 8);
  const bool is_half = dtype == DType::bf16 || dtype == DType::f16;
  const double units = tolerance * (is_half ? precision_of(dtype) : eps * std::sqrt(terms));
  return std::fabs(got - exact.sum) <= std::max(additions * eps, units) * exact.magnitude;
}

constexpr Operand x = operand("x"), y = operand("y"), dy = operand("dy"), dx = operand("dx"), mask = operand("mask");

bool is_elementwise(Operand operand) { return !is_parameter(operand) && !is_sum(operand) && operand != mask; }

}  // namespace

Workload::Workload(const Op& op, const Relu& relu, DType dtype, std::int64_t elements, const Memory& memory,
                   Placement placement)
    : op_(op),
      relu_(relu),
      dtype_(dtype),
      units_(elements / op.layout.unit_elements()),
      device_(memory.device),
      placement_(placement) {
  for (const Operand operand : op.operands) {
    if (!is_in_place(operand)) buffers_[index_of(operand)] = make_buffer(operand, memory);
  }
  for (const Operand operand : op.operands) {
    if (is_in_place(operand)) buffers_[index_of(operand)] = buffer(operand == y ? x : dy);
  }
  if (!op.has_sums()) return;
  workspace_bytes_ = workspace_bytes(relu_, backward_operands());
  workspace_ = memory.allocate(workspace_bytes_);
}

bool Workload::is_in_place(Operand operand) const {
  return placement_.in_place && op_.is_output(operand) && (operand == y || operand == dx);
}

Buffer Workload::make_buffer(Operand operand, const Memory& memory) const {
  const Layout& layout = op_.layout;
  if (is_parameter(operand)) return Buffer(dtype_, 1, layout.channels(), memory);
  if (is_sum(operand)) return Buffer(sum_dtype(dtype_), 1, op_.sum_elements(operand), memory);
  if (operand == mask)
    return Buffer(mask_of(relu_, dtype_), layout.lines(), units_ * layout.unit_elements() / layout.lines(), memory);
  const bool broadcast = operand == x && layout.x_is_broadcast, misaligned = operand == (op_.uses(x) ? x : dy);
  const std::int64_t offset = misaligned ? placement_.misalign * bits_per_element(dtype_) / 8 : 0;
  return Buffer(dtype_, broadcast ? 1 : layout.lines(), layout.elements_in_memory(units_) / layout.lines(), memory, offset);
}

TensorView Workload::view(Operand operand) const {
  if (!op_.uses(operand)) return {};
  const Layout& layout = op_.layout;
  const Shape shape = is_sum(operand)         ? Shape{op_.sum_elements(operand)}
                      : is_parameter(operand) ? Shape{layout.channels()}
                                              : layout.shape(units_);
  const TensorView dense(buffer(operand).data(), buffer(operand).dtype(), shape, device_);
  if (operand == x && layout.x_is_broadcast) return dense.strided({0, 1});
  return is_elementwise(operand) ? dense.strided(layout.strides(units_)) : dense;
}

std::vector<harness::Stream> Workload::streams() const {
  std::vector<harness::Stream> all;
  for (const Operand operand : op_.operands) {
    if (is_parameter(operand) || is_sum(operand)) continue;
    const bool broadcast = operand == x && op_.layout.x_is_broadcast;
    const std::int64_t elements = units_ * op_.layout.unit_elements() / (broadcast ? op_.layout.lines() : 1);
    const std::int64_t bits = elements * bits_per_element(buffer(operand).dtype());
    all.push_back({buffer(operand).aligned(), static_cast<std::size_t>(bits / 8), op_.is_output(operand)});
  }
  return all;
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
  Workload block(op_, relu_, dtype_, std::min(units_, layout.block_units) * layout.unit_elements(), Memory::of(Device::cpu()),
                 {});
  for (const Operand operand : op_.operands) {
    const Buffer& each = block.buffer(operand);
    if (op_.is_output(operand)) {
      each.fill(op_.accumulate && is_sum(operand) ? 0 : 0xff);
    } else {
      each.randomise(static_cast<unsigned>(index_of(operand)) + 1);
    }
    if (is_elementwise(operand) && layout.gap > 0) each.spoil_gaps(layout.row(), layout.gap);
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
    // 0xff, so that an element that is not written differs from the reference.
    if (op_.is_output(operand) && !is_in_place(operand)) buffer(operand).fill(0xff);
  }
  for (const Operand operand : op_.operands) {
    if (!op_.is_output(operand)) buffer(operand).repeat(block.buffer(operand));
  }
  restore(block);
}

void Workload::restore(const Workload& block) const {
  for (const Operand operand : op_.operands) {
    if (op_.accumulate && is_sum(operand)) buffer(operand).fill(0);  // the value to which the sum is added
    if (is_in_place(operand)) buffer(operand).repeat(block.buffer(operand == y ? x : dy));
  }
}

std::function<void(void* stream)> Workload::call() const {
  if (op_.direction == Direction::forward)
    return [relu = relu_, all = forward_operands()](void* stream) { forward(relu, all, static_cast<CUstream_st*>(stream)); };
  return [relu = relu_, all = backward_operands()](void* stream) { backward(relu, all, static_cast<CUstream_st*>(stream)); };
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

std::int64_t Workload::first_difference(Operand output, const Workload& block, int tolerance) const {
  if (!is_sum(output)) return buffer(output).first_difference(block.buffer(output), tolerance);
  const std::vector<reference::ExactSum> exact = exact_sums(output, block);
  const std::vector<double> got = buffer(output).numbers();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!is_near(got[i], exact[i], dtype_, tolerance)) return static_cast<std::int64_t>(i);
  }
  return -1;
}

std::string Workload::difference(const Workload& block, int tolerance) const {
  for (const Operand operand : op_.operands) {
    if (!op_.is_output(operand) || (tolerance > 0 && operand == mask)) continue;
    const std::int64_t element = first_difference(operand, block, tolerance);
    if (element >= 0) return std::string(operand->name) + " at element " + std::to_string(element);
  }
  return {};
}

}  // namespace rectify::bench
