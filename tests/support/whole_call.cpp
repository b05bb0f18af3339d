// The inputs come from short tables, converted once: tensors of millions of elements are made in no time.
#include "whole_call.hpp"

#include "fuzz_case.hpp"
#include "harness.hpp"
#include "reference.hpp"
#include "sum_outputs.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <list>

namespace rectify::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Neither alpha nor max_value is a float: their rounding depends on the rounding mode.
constexpr Relu numbers{0.1, 0.3, 6.1};
/// alpha * x overflows for large x, above the threshold too.
constexpr Relu steep{2.1};

double least(DType dtype) {
  return dtype == DType::f16 ? 0x1p-24 : dtype == DType::bf16 ? 0x1p-133 : dtype == DType::f32 ? 0x1p-149 : 0x1p-1074;
}
double largest(DType dtype) {
  if (dtype == DType::f16) return 65504;
  if (dtype == DType::bf16) return 0x1.fep127;
  return dtype == DType::f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

using Table = std::vector<double>;
/// One of each kind of numbers. Lengths are odd: no two have a factor in common with a row of a power of two.
std::vector<Table> tables(DType dtype, WholeCall::Values values) {
  const Table moderate{0.1, -0.1, 1.0 / 3, -2.7, 0.0, 6.5, -0.0, 3, -1.5, 0.3, 7, -0.7, 0.9, -4, 1.9, 0.01, -6.25};
  if (values == WholeCall::Values::finite) return {moderate};
  const double l = least(dtype), m = largest(dtype);
  const Table subnormal{3 * l, -5 * l, 7 * l, l, -l, 23 * l, 0.0, -17 * l, 9 * l};
  const Table large{m, -m, 0.9 * m, -0.7 * m, 1.1, -0.3 * m, 0.2 * m};
  const Table special{inf, 0.4, -inf, nan, -0.0, m, 3 * l, -m, -1.1, -7 * l, 0.1};
  return {moderate, subnormal, large, special};
}

Bytes bytes_of(DType dtype, const Table& table) {
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  Bytes bytes(table.size() * size);
  for (std::size_t i = 0; i < table.size(); ++i) reference::store(dtype, &bytes[i * size], table[i]);
  return bytes;
}

std::int64_t elements_after_axis_1(const Shape& shape) {
  std::int64_t inner = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) inner *= shape[axis];
  return inner;
}

/// `first`: where in the tables it begins, so that tensors differ. Channels alternate between the tables as in a dense tensor.
std::unique_ptr<Tensor> input(DType dtype, const Placement& at, WholeCall::Values values, std::size_t first) {
  std::vector<Bytes> of_channel;
  for (const Table& table : tables(dtype, values)) of_channel.push_back(bytes_of(dtype, table));
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  const auto inner = static_cast<std::size_t>(elements_after_axis_1(at.shape));
  const auto channels = static_cast<std::size_t>(at.shape.rank() > 1 ? at.shape[1] : at.shape[0]);
  Bytes bytes = untouched(dtype, at);
  for (std::size_t i = 0; i * size < bytes.size(); ++i) {
    const Bytes& table = of_channel[i / inner % channels % of_channel.size()];
    std::memcpy(&bytes[i * size], &table[(i + i / 61 + first) % (table.size() / size) * size], size);
  }
  return std::make_unique<Tensor>(Device::cpu(), dtype, at, bytes);
}

std::unique_ptr<Tensor> parameter(DType dtype, std::int64_t channels, const Table& values) {
  Table table;
  for (std::int64_t i = 0; i < channels; ++i) table.push_back(values[static_cast<std::size_t>(i) % values.size()]);
  return std::make_unique<Tensor>(Device::cpu(), dtype, Shape{channels}, bytes_of(dtype, table));
}

}  // namespace

testing::AssertionResult same_results(const Results& got, const Results& expected) {
  if (got.size() != expected.size()) return testing::AssertionFailure() << "not the same number of outputs";
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto same = same_numbers(got[i].dtype, got[i].bytes, expected[i].bytes);
    if (!same) return testing::AssertionFailure() << got[i].call << ": " << got[i].output << ": " << same.message();
  }
  return testing::AssertionSuccess();
}

/// Outputs and workspaces, which live until the results are taken.
class WholeCall::Outputs {
 public:
  void begin(const char* call) { call_ = call; }
  TensorView add(const char* name, DType dtype, const Placement& at) {
    items_.emplace_back(call_, name, dtype, at);
    return items_.back().tensor.view();
  }
  Workspace workspace(std::size_t bytes) {
    workspaces_.push_back(harness::cpu_tools().allocate(bytes));
    return {workspaces_.back().get(), bytes};
  }
  Results results() const {
    Results all;
    for (const Item& item : items_) {
      EXPECT_TRUE(item.tensor.guards_intact()) << item.call << ": " << item.name;
      all.push_back({item.call, item.name, item.dtype, item.tensor.contents()});
    }
    return all;
  }

 private:
  struct Item {
    Item(const char* call_, const char* name_, DType dtype_, const Placement& at)
        : call(call_), name(name_), dtype(dtype_), tensor(Device::cpu(), dtype_, at, untouched(dtype_, at)) {}
    const char *call, *name;
    DType dtype;
    Tensor tensor;
  };
  const char* call_ = "";
  std::list<Item> items_;
  std::vector<std::shared_ptr<void>> workspaces_;
};

WholeCall::WholeCall(DType dtype, const Placement& in, const Placement& out, Values values)
    : dtype_(dtype),
      in_(in),
      out_(out),
      x_(input(dtype, in, values, 0)),
      dy_(input(dtype, in, values, 5)),
      residual_(input(dtype, in, values, 3)) {
  const DType of_parameters = sum_dtype(dtype);
  for (const Table& of_one :
       {Table{1.1, 0.9, -1.3}, Table{0.1, 0, -0.3}, Table{0.1, 2.1, 0, -3.3, 0.7}, Table{0.3, 0, -0.1}, Table{inf, 6.1, 3.3}})
    parameters_.push_back(parameter(of_parameters, in.shape[1], of_one));
}

Results WholeCall::run() const {
  Outputs outputs;
  run_numbers(outputs);
  run_tensors(outputs);
  run_plain(outputs);
  return outputs.results();
}

/// backward with what all calls of it have: dy, dx, and sums of `length` elements with a workspace.
void WholeCall::run_backward(const Relu& relu, Backward operands, unsigned asked, std::int64_t length, Outputs& outputs) const {
  operands.dy = dy_->view();
  operands.dx = outputs.add("dx", dtype_, out_);
  for (int i = 0; i < sum_count; ++i) {
    if ((asked >> i & 1) != 0) operands.*sum_member(i) = outputs.add(sum_name(i), sum_dtype(dtype_), Shape{length});
  }
  operands.workspace = outputs.workspace(workspace_bytes(relu, operands));
  backward(relu, operands);
}

/// alpha, threshold and max_value as numbers.
void WholeCall::run_numbers(Outputs& outputs) const {
  outputs.begin("forward of numbers");
  Forward f;
  f.x = x_->view();
  f.y = outputs.add("y", dtype_, out_);
  f.mask = outputs.add("mask", DType::u2, in_.shape);
  forward(numbers, f);
  for (const std::int64_t length : {in_.shape[1], std::int64_t{1}}) {
    outputs.begin(length == 1 ? "backward of numbers, sums over everything" : "backward of numbers, sums per channel");
    Backward b;
    b.x = x_->view();
    run_backward(numbers, b, of_all_five & ~of_scale, length, outputs);
  }
  run_mask(f.mask, outputs);
}

void WholeCall::run_mask(const ConstTensorView& mask, Outputs& outputs) const {
  outputs.begin("backward from a mask");
  Backward b;
  b.mask = mask;
  b.scale = parameters_[0]->view();
  b.dresidual = outputs.add("dresidual", dtype_, out_);
  run_backward(numbers, b, of_bias | of_threshold | of_max_value, in_.shape[1], outputs);
}

/// Every parameter as a tensor, and a residual.
void WholeCall::run_tensors(Outputs& outputs) const {
  outputs.begin("forward of tensors");
  Forward f;
  f.x = x_->view();
  f.residual = residual_->view();
  f.scale = parameters_[0]->view();
  f.bias = parameters_[1]->view();
  f.alpha = parameters_[2]->view();
  f.threshold = parameters_[3]->view();
  f.max_value = parameters_[4]->view();
  f.y = outputs.add("y", dtype_, out_);
  f.mask = outputs.add("mask", DType::u2, in_.shape);
  forward(numbers, f);
  for (const std::int64_t length : {in_.shape[1], std::int64_t{1}}) {
    outputs.begin(length == 1 ? "backward of tensors, sums over everything" : "backward of tensors, sums per channel");
    Backward b;
    b.x = x_->view();
    b.residual = residual_->view();
    for (int i = 0; i < sum_count; ++i) b.*sum_parameters[i] = parameters_[static_cast<std::size_t>(i)]->view();
    b.dresidual = outputs.add("dresidual", dtype_, out_);
    run_backward(numbers, b, of_all_five, length, outputs);
  }
}

/// The function alone, without sums; and dbias beside it.
void WholeCall::run_plain(Outputs& outputs) const {
  outputs.begin("plain");
  forward(steep, x_->view(), outputs.add("y", dtype_, out_));
  backward(steep, dy_->view(), x_->view(), outputs.add("dx", dtype_, out_));
  outputs.begin("plain, with dbias");
  Backward b;
  b.x = x_->view();
  run_backward(steep, b, of_bias, in_.shape[1], outputs);
}

}  // namespace rectify::test
