#include "workload.hpp"

#include "reference.hpp"

#include <algorithm>

namespace rectify::bench {

Workload::Workload(const Op& op, const Relu& relu, DType dtype, std::int64_t elements, Memory& memory)
    : op_(op), relu_(relu), dtype_(dtype), units_(elements / op.layout.unit_elements()), device_(memory.device()) {
  for (const Operand operand : op.operands) buffers_[static_cast<std::size_t>(operand)] = make_buffer(operand, memory);
}

Buffer Workload::make_buffer(Operand operand, Memory& memory) const {
  const Layout& layout = op_.layout;
  const Memory::Use use = op_.is_output(operand) ? Memory::Use::written : Memory::Use::read;
  if (is_parameter(operand)) return Buffer(dtype_, 1, layout.channels(), memory, use);
  const DType dtype = operand == Operand::mask ? mask_of(relu_, dtype_) : dtype_;
  const bool broadcast = operand == Operand::x && layout.x_is_broadcast;
  return Buffer(dtype, broadcast ? 1 : layout.lines(), units_ * layout.unit_elements() / layout.lines(), memory, use);
}

TensorView Workload::view(Operand operand) const {
  if (!op_.uses(operand)) return {};
  const Shape shape = is_parameter(operand) ? Shape{op_.layout.channels()} : op_.layout.shape(units_);
  const TensorView dense(data(operand), buffer(operand).dtype(), shape, device_);
  return operand == Operand::x && op_.layout.x_is_broadcast ? dense.strided({0, 1}) : dense;
}

Forward Workload::forward_operands() const {
  Forward all;
  all.x = view(Operand::x);
  all.scale = view(Operand::scale);
  all.bias = view(Operand::bias);
  all.residual = view(Operand::residual);
  all.alpha = view(Operand::alpha);
  all.y = view(Operand::y);
  all.mask = view(Operand::mask);
  all.channel_axis = op_.layout.channel_axis;
  return all;
}

Backward Workload::backward_operands() const {
  Backward all;
  all.dy = view(Operand::dy);
  all.x = view(Operand::x);
  all.mask = view(Operand::mask);
  all.scale = view(Operand::scale);
  all.bias = view(Operand::bias);
  all.residual = view(Operand::residual);
  all.alpha = view(Operand::alpha);
  all.dx = view(Operand::dx);
  all.dresidual = view(Operand::dresidual);
  all.channel_axis = op_.layout.channel_axis;
  return all;
}

Workload Workload::solved_block() const {
  const Layout& layout = op_.layout;
  Memory memory(Device::cpu());
  Workload block(op_, relu_, dtype_, std::min(units_, layout.block_units) * layout.unit_elements(), memory);
  for (const Operand operand : op_.operands) {
    if (!op_.is_output(operand)) block.buffer(operand).randomise(static_cast<unsigned>(operand) + 1);
  }
  if (op_.verb == Verb::forward) {
    reference::forward(relu_, block.forward_operands());
  } else {
    reference::backward(relu_, block.backward_operands());
  }
  return block;
}

void Workload::prepare(const Workload& block) const {
  for (const Operand operand : op_.operands) {
    if (op_.is_output(operand)) {
      buffer(operand).spoil();
    } else {
      buffer(operand).repeat(block.buffer(operand));
    }
  }
}

std::function<void()> Workload::call() const {
  if (op_.verb == Verb::forward) return [relu = relu_, all = forward_operands()] { forward(relu, all); };
  return [relu = relu_, all = backward_operands()] { backward(relu, all); };
}

std::string Workload::difference(const Workload& block) const {
  for (const Operand operand : op_.operands) {
    if (!op_.is_output(operand)) continue;
    const std::int64_t element = buffer(operand).first_difference(block.buffer(operand));
    if (element >= 0) return std::string(name(operand)) + " at element " + std::to_string(element);
  }
  return {};
}

}  // namespace rectify::bench
