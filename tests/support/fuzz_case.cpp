// The choices are drawn in the order in which they stand here: another order is another case for every seed.
#include "fuzz_case.hpp"

#include "cases.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace rectify::test {
namespace {

using From = BackwardCall::From;
using Over = BackwardCall::Over;

/// The axis of the channels, the kind of numbers, and what else the operands of a case agree on.
class Draw {
 public:
  Draw(FuzzCase& c, Size size)
      : dice(c.seed),
        c_(c),
        arrangement_(random_arrangement(dice, size)),
        kind_(random_kind(dice)),
        shape_(arrangement_.shape) {
    c.relu = random_relu(dice);
    c.dtype = dtypes[dice.below(4)];
    c.shape = shape_;
    axis_ = shape_.rank() > 0 ? dice.below(shape_.rank()) : -1;
  }

  void inputs();
  void parameters();
  void outputs();
  void sums();
  void channel_axis();
  void gain();
  void backwards();

 private:
  using Generator = Bytes (*)(Dice&, DType, std::int64_t, const Relu&, Numbers);
  Operand tensor(const char* name, const Placement& at) {
    return {name, c_.dtype, at, random_numbers(dice, c_.dtype, at.span(), c_.relu, kind_)};
  }
  Operand output(const char* name) {
    const Placement at = random_placement(dice, arrangement_, Role::output);
    return {name, c_.dtype, at, untouched(c_.dtype, at)};
  }
  Operand parameter(const char* name, Generator generator);
  Operand sum(const char* name);
  bool may_sum(int kind, From from) const;
  Shape parameter_shape(std::int64_t length);
  Placement channel_placement(std::initializer_list<int> some_strides);
  void add_backward(From from);

  Dice dice;
  FuzzCase& c_;
  Arrangement arrangement_;
  Numbers kind_;
  Shape shape_;
  int axis_;
  bool per_channel_ = false;
};

void Draw::inputs() {
  c_.x = tensor("x", random_placement_of_x(dice, arrangement_));
  c_.dy = tensor("dy", random_placement(dice, arrangement_, Role::input));
  if (dice.one_in(3)) c_.residual = tensor("residual", random_placement(dice, arrangement_, Role::input));
}

/// {length}, {1, length, 1}, or one extent for each axis of x.
Shape Draw::parameter_shape(std::int64_t length) {
  const int rank = dice.any_of({1, 1, 3, axis_ < 0 ? 1 : shape_.rank()});
  std::int64_t extents[max_rank];
  for (int i = 0; i < rank; ++i) extents[i] = 1;
  if (length == 1 && dice.one_in(2)) return {};
  extents[rank == 1 ? 0 : rank == shape_.rank() ? axis_ : 1] = length;
  return {extents, rank};
}

/// One element, or one for each channel, with one of the strides.
Placement Draw::channel_placement(std::initializer_list<int> some_strides) {
  const std::int64_t length = axis_ >= 0 && !dice.one_in(3) ? shape_[axis_] : 1;
  per_channel_ = per_channel_ || length != 1;
  const Shape shape = parameter_shape(length);
  const int stride = dice.any_of(some_strides);
  std::int64_t strides[max_rank];
  for (int i = 0; i < shape.rank(); ++i) strides[i] = shape[i] == 1 ? dice.below(9) : stride;
  return Placement(shape, Strides(strides, shape.rank()), dice.one_in(2) ? 0 : dice.below(9));
}

Operand Draw::parameter(const char* name, Generator generator) {
  const Placement at = channel_placement({1, 1, 1, 2, 0});
  const bool wide = bits_per_element(c_.dtype) == 16 && dice.one_in(2);
  const DType dtype = wide ? DType::f32 : c_.dtype;
  return {name, dtype, at, generator(dice, dtype, at.span(), c_.relu, kind_)};
}

/// None, one or two as layers have them, or any.
void Draw::parameters() {
  const int style = dice.below(8);
  const auto some = [&](bool typical) { return style == 7 ? dice.one_in(2) : typical; };
  if (some(style == 3)) c_.scale = parameter("scale", random_numbers);
  if (some(style == 3 || style == 4)) c_.bias = parameter("bias", random_numbers);
  if (some(style == 5)) c_.alpha = parameter("alpha", random_slopes);
  if (some(style == 6)) c_.threshold = parameter("threshold", random_numbers);
  if (some(style == 6 && dice.one_in(2))) c_.max_value = parameter("max_value", random_caps);
}

void Draw::channel_axis() {
  c_.channel_axis = !per_channel_ ? dice.any_of({1, 0, -9, 99}) : dice.one_in(2) ? axis_ : axis_ - shape_.rank();
}

/// 1 for half of the calls; else numbers that round, overflow and underflow.
void Draw::gain() {
  c_.gain = dice.one_in(2) ? 1 : dice.any_of({std::sqrt(2.0), 0.5, -1.0, 3.0, -0.3, 0x1p-12, 0x1p12, 1 / 3.0});
}

void Draw::outputs() {
  c_.y = output("y");
  c_.dx = output("dx");
  c_.dresidual = output("dresidual");
  const DType dtype = one_bit_serves(c_) && !dice.one_in(3) ? DType::u1 : DType::u2;
  const Placement at = random_placement_of_mask(dice, arrangement_);
  c_.mask = Operand{"mask", dtype, at, untouched(dtype, at)};
  c_.writes_mask = dice.one_in(2);
  c_.writes_y = !c_.writes_mask || !dice.one_in(3);
  if (dice.one_in(5) && is_writable(c_.x->at)) c_.y_over = &FuzzCase::x;
  if (dice.one_in(2) && c_.residual && is_writable(c_.residual->at)) c_.y_over = &FuzzCase::residual;
}

/// Of one element or one per channel, whatever its parameter has.
Operand Draw::sum(const char* name) {
  const Placement at = channel_placement({1, 1, 2});
  const DType dtype = c_.dtype == DType::f64 ? DType::f64 : DType::f32;
  Operand sum{name, dtype, at, untouched(dtype, at)};
  if (c_.accumulate) sum.bytes = random_numbers(dice, dtype, at.span(), c_.relu, Numbers::normal);
  return sum;
}

/// None for half of the calls; one as layers have it, or any.
void Draw::sums() {
  if (dice.one_in(2)) return;
  c_.accumulate = dice.one_in(3);
  const int typical = dice.below(sum_count);
  const bool any = dice.one_in(2);
  for (int i = 0; i < sum_count; ++i) {
    if (any ? dice.one_in(2) : i == typical || (i == 1 && typical == 0)) c_.sums[i] = sum(sum_name(i));
  }
}

bool Draw::may_sum(int kind, From from) const {
  const detail::Operand& sum = sum_operand(kind);
  const bool has_needed = sum.needs == nullptr || c_.scale;
  // One bit tells dmax_value only without a cap, and the scalar of the case may be one.
  const bool is_told = kind != detail::sum_max_value || from != detail::source_mask || c_.mask->dtype != DType::u1;
  return c_.sums[kind] && has_needed && (sum.sources & from) != 0 && is_told;
}

void Draw::add_backward(From from) {
  BackwardCall call{from, true, dice.one_in(2), Over::none, Over::none, {}};
  bool sums = false;
  for (int i = 0; i < sum_count; ++i) {
    call.sums[i] = may_sum(i, from) && !dice.one_in(4);
    sums = sums || call.sums[i];
  }
  if (sums) call.dresidual = dice.one_in(4);
  if (call.dresidual || sums) call.dx = !dice.one_in(3);
  const bool dy = is_writable(c_.dy->at), x = from == detail::source_x && is_writable(c_.x->at);
  if (dy && dice.one_in(4)) call.dx_over = Over::dy;
  if (x && dice.one_in(5)) call.dx_over = Over::x;
  const bool taken = call.dx && call.dx_over == Over::dy;
  if (dy && !taken && dice.one_in(3)) call.dresidual_over = Over::dy;
  c_.backwards.push_back(call);
}

void Draw::backwards() {
  const bool fused = c_.scale || c_.residual || c_.alpha || c_.threshold || c_.max_value;
  add_backward(detail::source_x);
  if (!fused && readable_from_y(c_.relu, c_.dtype, c_.gain)) add_backward(detail::source_y);
  if (!dice.one_in(4)) add_backward(detail::source_mask);
}

template <class Dims>
void print(std::ostream& out, const Dims& dims) {
  out << "[";
  for (int i = 0; i < dims.rank(); ++i) out << (i > 0 ? "," : "") << dims[i];
  out << "]";
}

void print(std::ostream& out, const Operand& operand) {
  out << "; " << operand.name << " " << name(operand.dtype) << " ";
  print(out, operand.at.shape);
  out << "/";
  print(out, operand.at.strides);
  if (operand.at.offset != 0) out << "+" << operand.at.offset;
}

void print(std::ostream& out, const BackwardCall& call) {
  const auto place = [](Over over) { return over == Over::dy ? " over dy" : over == Over::x ? " over x" : ""; };
  out << "; from " << (call.from == detail::source_x ? "x" : call.from == detail::source_y ? "y" : "mask") << ":";
  if (call.dx) out << " dx" << place(call.dx_over);
  if (call.dresidual) out << " dresidual" << place(call.dresidual_over);
  for (int i = 0; i < sum_count; ++i) out << (call.sums[i] ? " " : "") << (call.sums[i] ? sum_name(i) : "");
}

}  // namespace

const std::vector<FuzzInput> fuzz_inputs{
    {&FuzzCase::x, &detail::operand_called("x")},
    {&FuzzCase::dy, &detail::operand_called("dy")},
    {&FuzzCase::scale, &detail::operand_called("scale")},
    {&FuzzCase::bias, &detail::operand_called("bias")},
    {&FuzzCase::residual, &detail::operand_called("residual")},
    {&FuzzCase::alpha, &detail::operand_called("alpha")},
    {&FuzzCase::threshold, &detail::operand_called("threshold")},
    {&FuzzCase::max_value, &detail::operand_called("max_value")},
};

const detail::Operand& sum_operand(int kind) {
  const auto* const found =
      std::find_if(std::begin(detail::operand_table), std::end(detail::operand_table),
                   [&](const auto& operand) { return operand.kind == detail::OperandKind::sum && operand.index == kind; });
  return *found;
}

bool may_hide_the_region(const FuzzCase& c, double y) {
  return (c.bias || c.gain != 1) && is_rounded_away(c.relu, c.dtype, c.gain, y);
}

bool one_bit_serves(const FuzzCase& c) {
  const bool narrow = c.dtype != DType::f64;
  const bool capped =
      c.max_value || (narrow ? c.relu.max_value < 0x1.ffffffp127 : c.relu.max_value < std::numeric_limits<double>::infinity());
  const bool flat = !c.alpha && (narrow ? static_cast<float>(c.relu.alpha) == 0 : c.relu.alpha == 0);
  return !capped || flat;
}

FuzzCase fuzz_case(std::uint64_t seed, Size size) {
  FuzzCase c{};
  c.seed = seed;
  Draw draw(c, size);
  draw.inputs();
  draw.parameters();
  draw.outputs();
  draw.sums();
  draw.channel_axis();
  draw.gain();
  draw.backwards();
  return c;
}

std::string describe(const FuzzCase& c) {
  std::ostringstream out;
  out.precision(17);
  out << "seed " << c.seed << ": " << name(c.dtype) << ", alpha " << c.relu.alpha << ", threshold " << c.relu.threshold
      << ", max_value " << c.relu.max_value << ", gain " << c.gain << (c.accumulate ? ", accumulate" : "") << ", channel_axis "
      << c.channel_axis;
  for (const FuzzInput& input : fuzz_inputs) {
    if (c.*input.operand) print(out, *(c.*input.operand));
  }
  for (const auto* output : {&c.y, &c.mask, &c.dx, &c.dresidual}) print(out, **output);
  for (const auto& sum : c.sums) {
    if (sum) print(out, *sum);
  }
  out << "; forward:";
  if (c.writes_y) out << " y" << (c.y_over == &FuzzCase::y ? "" : std::string(" over ") + (c.*c.y_over)->name);
  if (c.writes_mask) out << " mask";
  for (const BackwardCall& call : c.backwards) print(out, call);
  return out.str();
}

}  // namespace rectify::test
