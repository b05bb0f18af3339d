// The conversion of C structs, and checks of what a C caller can get wrong and a C++ caller cannot write.
#include "c_structs.hpp"

#include "core/operand_table.hpp"

#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

namespace rectify::detail {
namespace {

/// The name of a field, such as "x.dtype". It has two parts, so that no string is made unless an error is thrown.
struct Field {
  const char* owner;
  const char* name;
};

std::string text(Field field) { return std::string(field.owner) + "." + field.name; }

void require_range(Field field, std::int32_t value, std::int32_t first, std::int32_t last) {
  if (value >= first && value <= last) return;
  reject(text(field), first == last ? std::to_string(first) : std::to_string(first) + " to " + std::to_string(last),
         std::to_string(value));
}

template <class T>
bool is_zero(const T& object) {
  static_assert(std::has_unique_object_representations_v<T>, "padding has no value");
  static constexpr T zero{};
  return std::memcmp(&object, &zero, sizeof object) == 0;
}

/// Checks that this version of the library knows all operands that are set. Structs of an earlier version are copied to `room`
/// and extended by zeros.
template <class Operands>
const Operands& require_known(const Operands* given, Operands& room) {
  constexpr std::size_t first = offsetof(Operands, gain);          // the size of the first version
  constexpr std::size_t known = sizeof(Operands), most = 1 << 14;  // a larger value is not a size but uninitialised memory
  static_assert(first % alignof(Operands) == 0 && known % alignof(Operands) == 0,
                "a later field must not lie in today's padding");
  const Field field{"operands", "struct_size"};
  const Operands* operands = &require_pointer("operands", given);
  const std::size_t size = operands->struct_size;
  if ((size < known && size != first) || size > most) {
    reject(text(field), std::to_string(first) + ", " + std::to_string(known) + " or a later version's", std::to_string(size));
  }
  if (size == first) {
    room = {};
    std::memcpy(&room, given, first);
    operands = &room;
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = known; i < size; ++i) {
    if (bytes[i] != 0) {
      throw Unsupported(text(field) + ": expected " + std::to_string(known) + ", or zeros from there on, got " +
                        std::to_string(size) + " with " + std::to_string(bytes[i]) + " in byte " + std::to_string(i));
    }
  }
  require_range({"operands", "reserved"}, operands->reserved, 0, 0);
  return *operands;
}

static_assert(static_cast<int>(DType::f16) == 0 && static_cast<int>(DType::u2) == RECTIFY_U2 - RECTIFY_F16);
static_assert(RECTIFY_MAX_RANK == max_rank);

TensorView view_of(const char* name, const rectify_tensor& tensor) {
  if (is_zero(tensor)) return {};
  const DType dtype = dtype_of(name, tensor.dtype);
  require_range({name, "device"}, tensor.device, RECTIFY_CPU, RECTIFY_CUDA);
  require_range({name, "rank"}, tensor.rank, 0, RECTIFY_MAX_RANK);
  require_range({name, "layout"}, tensor.layout, RECTIFY_ROW_MAJOR, RECTIFY_STRIDED);
  require_range({name, "reserved"}, tensor.reserved, 0, 0);
  const Device device{tensor.device == RECTIFY_CUDA ? Device::Kind::cuda : Device::Kind::cpu, tensor.device_index};
  const TensorView view(tensor.data, dtype, Shape(tensor.shape, tensor.rank), device);
  return tensor.layout == RECTIFY_STRIDED ? view.strided(Strides(tensor.strides, tensor.rank)) : view;
}

/// The tensors of Forward or Backward, and what both have in common.
template <class To, class From>
To operands_of(const From& from) {
  To to;
  for_each_operand<To>(
      [&](const Operand& operand, const auto& member) { member.set(to, view_of(operand.name, from.*member.in_c)); });
  to.channel_axis = from.channel_axis;
  if (from.gain != 0) to.gain = from.gain;
  return to;
}

}  // namespace

DType dtype_of(const char* owner, std::int32_t dtype) {
  require_range({owner, "dtype"}, dtype, RECTIFY_F16, RECTIFY_U2);
  return static_cast<DType>(dtype - RECTIFY_F16);
}

Shape mask_shape_of(const std::int64_t* shape, std::int32_t rank) {
  require_range({"mask", "rank"}, rank, 0, RECTIFY_MAX_RANK);
  if (rank > 0) require_pointer("shape", shape);
  return {shape, rank};
}

Relu relu_of(const rectify_relu* given) {
  const rectify_relu& relu = require_pointer("relu", given);
  return {relu.alpha, relu.threshold, relu.max_value};
}

Forward forward_of(const rectify_forward_operands* given) {
  rectify_forward_operands room;
  return operands_of<Forward>(require_known(given, room));
}

Backward backward_of(const rectify_backward_operands* given) {
  rectify_backward_operands room;
  const rectify_backward_operands& from = require_known(given, room);
  require_range({"operands", "reserved_too"}, from.reserved_too, 0, 0);
  require_range({"operands", "accumulate"}, from.accumulate, 0, 1);
  auto to = operands_of<Backward>(from);
  to.workspace = {from.workspace, from.workspace_bytes};
  to.accumulate = from.accumulate == 1;
  return to;
}

}  // namespace rectify::detail
