// The table itself, and what follows from a row: layouts, bytes, outputs.
#include "op_table.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <stdexcept>

namespace rectify::bench {
namespace {

// A block is a multiple of 8 elements, so that it has whole bytes of a mask. Apart from that it is a prime number of units, so
// that a kernel that reads the wrong pack or tile does not read the right values by chance.
const Layout flat{{0}, 0, std::int64_t{8} * 8209, false};
const Layout rows{{0, 1024}, 1, 61, false};
const Layout nchw{{0, 64, 28, 28}, 1, 3, false};
const Layout models{{8, 0}, 0, 8209, true};

constexpr Operand x = operand("x"), dy = operand("dy"), mask = operand("mask"), residual = operand("residual"),
                  scale = operand("scale"), bias = operand("bias"), alpha = operand("alpha"), y = operand("y"),
                  dx = operand("dx"), dresidual = operand("dresidual"), dscale = operand("dscale"), dbias = operand("dbias"),
                  dalpha = operand("dalpha"), dthreshold = operand("dthreshold"), dmax_value = operand("dmax_value");
constexpr double gain = 1.4142135623730951;  // of StyleGAN's layers
constexpr auto forward = Direction::forward, backward = Direction::backward;

bool is_one_of(Operand operand, std::initializer_list<Operand> list) {
  return std::find(list.begin(), list.end(), operand) != list.end();
}

}  // namespace

const std::vector<Op>& ops() {
  // clang-format off
  static const std::vector<Op> table{
      // name                    which     operands                   layout  tensors  mask bits
      {"forward",                forward,  {x, y},                    flat,   2,       0},
      {"backward",               backward, {dy, x, dx},               flat,   3,       0},
      {"forward_mask",           forward,  {x, y, mask},              flat,   2,       1},
      {"backward_mask",          backward, {dy, mask, dx},            flat,   2,       1},
      {"bias_forward",           forward,  {x, bias, y},              rows,   2,       0},
      {"bias_forward_nchw",      forward,  {x, bias, y},              nchw,   2,       0},
      {"bias_backward",          backward, {dy, x, bias, dx},         rows,   3,       0},
      {"residual_forward",       forward,  {x, residual, y},          flat,   3,       0},
      {"residual_backward_mask", backward, {dy, mask, dx, dresidual}, flat,   3,       1},
      {"scale_bias_forward",     forward,  {x, scale, bias, y},       rows,   2,       0},
      {"prelu_forward",          forward,  {x, alpha, y},             rows,   2,       0},
      {"prelu_backward",         backward, {dy, x, alpha, dx},        rows,   3,       0},
      {"models_forward",         forward,  {x, alpha, y},             models, 9. / 8,  0},
      {"bias_backward_dbias",      backward, {dy, x, bias, dx, dbias},                rows, 3, 0},
      {"bias_backward_dbias_nchw", backward, {dy, x, bias, dx, dbias},                nchw, 3, 0},
      {"bias_backward_dbias_mask", backward, {dy, mask, dx, dbias},                   rows, 2, 1},
      {"scale_bias_backward",      backward, {dy, x, scale, bias, dx, dscale, dbias}, rows, 3, 0},
      {"prelu_backward_dalpha",    backward, {dy, x, alpha, dx, dalpha},              rows, 3, 0},
      {"all_sums",                 backward, {dy, x, scale, bias, dx, dscale, dbias, dalpha, dthreshold, dmax_value},
                                                                                      rows, 3, 0},
      {"bias_gain_forward",        forward,  {x, bias, y},                            rows, 2, 0, gain},
      {"bias_gain_backward_y",     backward, {dy, y, dx, dbias},                      rows, 3, 0, gain},
      {"accumulate_dbias",         backward, {dy, x, bias, dx, dbias},                rows, 3, 0, 1, true},
  };
  // clang-format on
  return table;
}

const Op& op_called(const std::string& name, const std::vector<Op>& table) {
  for (const Op& op : table) {
    if (op.name == name) return op;
  }
  throw std::out_of_range("no op is called " + name);
}

Shape Layout::shape(std::int64_t units) const {
  Shape all = extents;
  for (int axis = 0; axis < all.rank(); ++axis) all[axis] = all[axis] == 0 ? units : all[axis];
  return all;
}

std::int64_t Layout::unit_elements() const {
  std::int64_t elements = 1;
  for (int axis = 0; axis < extents.rank(); ++axis) elements *= std::max<std::int64_t>(extents[axis], 1);
  return elements;
}

Strides Layout::strides(std::int64_t units) const {
  const Shape sizes = shape(units);
  const int rank = sizes.rank(), last = channels_last ? 1 : rank - 1;
  const std::int64_t zeros[max_rank] = {};
  Strides strides(zeros, rank);
  std::int64_t stride = sizes[last] + gap;
  strides[last] = 1;
  for (int axis = rank - 1; axis >= 0; --axis) {
    if (axis == last) continue;
    strides[axis] = stride;
    stride *= sizes[axis];
  }
  return strides;
}

std::int64_t Layout::elements_in_memory(std::int64_t units) const {
  const std::int64_t elements = units * unit_elements();
  return gap == 0 ? elements : elements / row() * (row() + gap);
}

std::int64_t Layout::lines() const {
  std::int64_t product = 1;
  for (int axis = 0; extents[axis] != 0; ++axis) product *= extents[axis];
  return product;
}

std::string text_of(const Shape& shape) {
  std::string all = "[";
  for (int axis = 0; axis < shape.rank(); ++axis)
    all += (axis > 0 ? ", " : "") + (shape[axis] == 0 ? "n" : std::to_string(shape[axis]));
  return all + "]";
}

Layout layout_of(const Shape& extents, int channel_axis) {
  // A block of as many units as make whole bytes of a mask, a prime number of times: often enough that it has many packs and
  // tiles. Once if they are so large that the reference would take seconds for each further time.
  constexpr std::int64_t enough = std::int64_t{1} << 15, large = std::int64_t{1} << 22;
  Layout layout{extents, channel_axis, 1, false};
  const std::int64_t unit = layout.unit_elements(), whole = 8 / std::gcd(unit, std::int64_t{8});
  std::int64_t times = whole * unit > large ? 1 : 3;
  for (const std::int64_t prime : {13, 61, 251, 1021, 4099, 8209}) {
    if (times * whole * unit < enough) times = prime;
  }
  layout.block_units = times * whole;
  return layout;
}

bool Op::uses(Operand operand) const { return std::find(operands.begin(), operands.end(), operand) != operands.end(); }

bool Op::is_output(Operand operand) const {
  return direction == forward ? operand->forward.output != nullptr : operand->backward.output != nullptr;
}

bool Op::is_plain() const {
  return std::all_of(operands.begin(), operands.end(), [](Operand operand) { return is_one_of(operand, {x, y, dy, dx}); });
}

bool Op::has_channels() const {
  return std::any_of(operands.begin(), operands.end(),
                     [](Operand operand) { return is_parameter(operand) || is_sum(operand); });
}

bool Op::has_sums() const { return std::any_of(operands.begin(), operands.end(), is_sum); }

std::int64_t Op::sum_elements(Operand sum) const {
  const bool of_a_number = is_one_of(sum, {dthreshold, dmax_value}) || (sum == dalpha && !uses(alpha));
  return of_a_number ? 1 : layout.channels();
}

Relu Op::function(Relu requested) const {
  const bool capped = requested.max_value < Relu{}.max_value;
  if (uses(dmax_value) && !capped) requested.max_value = requested.threshold + 6;
  if (direction == backward && uses(y)) return {std::fabs(requested.alpha), std::fabs(requested.threshold)};
  return requested;
}

DType mask_of(const Relu& relu, DType dtype) {
  Forward sized;
  sized.x = ConstTensorView(nullptr, dtype, {0}, Device::cpu());
  return mask_dtype(relu, sized);
}

double bytes_per_element(const Op& op, const Relu& relu, DType dtype) {
  const int mask_bits = op.mask_bits > 0 ? op.mask_bits * bits_per_element(mask_of(relu, dtype)) : 0;
  return op.tensors * bits_per_element(dtype) / 8 + mask_bits / 8.;
}

}  // namespace rectify::bench
