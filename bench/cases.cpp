// Combines what the command line lists.
#include "cases.hpp"

#include "elements.hpp"
#include "options.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace rectify::bench {
namespace {

constexpr std::int64_t mebi = 1 << 20, gap = 64;

bool chosen(const std::vector<std::string>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) { return item == "all" || item == name; });
}

/// The layout that the options ask of an op. Throws InvalidArgument if the op cannot have it.
Layout layout_for(const Op& op, const Options& o, const Shape* shape) {
  Layout layout = op.layout;
  const bool models = layout.x_is_broadcast;
  if (models && (shape != nullptr || !o.layout.empty()))
    throw InvalidArgument("has a layout of its own, eight models of one x");
  if (shape != nullptr) {
    const int axis = o.channel_axis < 0 ? std::min(1, shape->rank() - 1) : o.channel_axis;
    if (axis >= shape->rank()) throw InvalidArgument("the channel axis is outside the shape");
    Shape extents = *shape;
    extents[axis == 0 && shape->rank() > 1 ? 1 : 0] = 0;
    if (op.has_channels() && extents[axis] == 0)
      throw InvalidArgument("needs a shape with an axis of channels, such as 8192x1024");
    if (op.has_sums() && axis == 0) throw InvalidArgument("sums are measured for channels after axis 0");
    layout = layout_of(extents, extents[axis] == 0 ? 0 : axis);
  } else if (o.layout == "nchw" || o.layout == "nhwc") {
    layout = layout_of({0, 64, 28, 28}, 1);
  } else if (o.layout == "pitched") {
    layout = layout_of({0, 1024}, 1);
  }
  if (o.layout == "nhwc" && (layout.extents.rank() < 3 || layout.channel_axis != 1))
    throw InvalidArgument("NHWC needs a shape of three axes or more, and channels along axis 1");
  if (o.layout == "pitched" && layout.row() == 0) throw InvalidArgument("pitched rows need a shape of two axes or more");
  layout.channels_last = o.layout == "nhwc";
  layout.gap = o.layout == "pitched" ? gap : 0;
  return layout;
}

std::vector<std::int64_t> sizes_of(const Options& o, const Op& op, DType dtype) {
  if (o.is_short && op.is_plain())
    return dtype == DType::f32 || dtype == DType::bf16 ? std::vector{mebi, 256 * mebi} : std::vector<std::int64_t>{};
  if (o.is_short) return dtype == DType::f32 ? std::vector{64 * mebi} : std::vector<std::int64_t>{};
  std::vector<std::int64_t> sizes;
  for (std::uint64_t bytes = o.min_bytes; bytes <= o.max_bytes; bytes *= static_cast<std::uint64_t>(o.factor))
    sizes.push_back(static_cast<std::int64_t>(bytes));
  return sizes;
}

class Combination {
 public:
  Combination(const Options& o, Device device) : o_(o), device_(device) {}

  void add(const Op& op, DType dtype, const Relu& requested, const Shape* shape) {
    try {
      Case one{op, op.function(requested), dtype, 0, device_, {o_.in_place, o_.misalign}, !o_.hot, o_.graph};
      one.op.layout = layout_for(op, o_, shape);
      require(one);
      if (shape != nullptr && !o_.has_open_extent(*shape)) {
        add_size(one, reference::element_count(*shape));
      } else {
        for (const std::int64_t bytes : sizes_of(o_, op, dtype)) add_size(one, bytes / (bits_per_element(dtype) / 8));
      }
    } catch (const InvalidArgument& error) {
      made_.skipped.push_back({op.name + " " + name(dtype), error.what()});
    }
  }

  Cases made() { return std::move(made_); }

 private:
  void require(const Case& one) const {
    mask_of(one.relu, one.dtype);  // throws if the parameters are not valid in this type
    if (one.placement.in_place && one.op.layout.x_is_broadcast)
      throw InvalidArgument("one x of eight models cannot be overwritten");
  }

  void add_size(Case one, std::int64_t elements) {
    const std::int64_t unit = one.op.layout.unit_elements();
    one.elements = std::max(elements / unit * unit, unit);
    if (seen_.insert(one.repro()).second) made_.all.push_back(one);
  }

  const Options& o_;
  Device device_;
  std::set<std::string> seen_;
  Cases made_;
};

}  // namespace

std::int64_t Case::bytes() const { return std::llround(bytes_per_element(op, relu, dtype) * static_cast<double>(elements)); }

std::string Case::mode() const { return std::string(is_cold ? "cold" : "hot") + (as_graph ? ", graph" : ""); }

std::string Case::shape() const { return text_of(op.layout.shape(units())); }

std::string Case::setting() const {
  std::string all = "alpha " + number(relu.alpha);
  if (relu.threshold != 0) all += ", threshold " + number(relu.threshold);
  if (relu.max_value < Relu{}.max_value) all += ", max_value " + number(relu.max_value);
  if (op.layout.gap > 0) all += ", rows " + std::to_string(op.layout.gap) + " elements apart";
  if (op.layout.channels_last) all += ", channels last";
  if (placement.in_place) all += ", in place";
  if (placement.misalign != 0) all += ", x " + std::to_string(placement.misalign) + " elements past an aligned address";
  return all + ", " + mode();
}

std::string Case::repro() const {
  std::string all = "rectify-bench run --op " + op.name + " --dtype " + name(dtype);
  if (op.layout.x_is_broadcast) {
    all += " --min " + std::to_string(tensor_bytes());
  } else {
    const Shape sizes = op.layout.shape(units());
    for (int axis = 0; axis < sizes.rank(); ++axis) all += (axis == 0 ? " --shape " : "x") + std::to_string(sizes[axis]);
    if (op.has_channels() && op.layout.channel_axis != 1) all += " --channel-axis " + std::to_string(op.layout.channel_axis);
  }
  all += " --alpha " + number(relu.alpha);
  if (relu.threshold != 0) all += " --threshold " + number(relu.threshold);
  if (relu.max_value < Relu{}.max_value) all += " --max-value " + number(relu.max_value);
  if (op.layout.gap > 0) all += " --layout pitched";
  if (op.layout.channels_last) all += " --layout nhwc";
  if (placement.in_place) all += " --inplace";
  if (placement.misalign != 0) all += " --misalign " + std::to_string(placement.misalign);
  all += device.kind == Device::Kind::cpu ? " --device cpu" : " --device cuda:" + std::to_string(device.index);
  return all + (is_cold ? " --cold" : " --hot") + (as_graph ? " --graph" : "");
}

Cases cases_of(const Options& o, Device device) {
  Combination all(o, device);
  const std::vector<Shape> shapes = o.shapes();
  for (const Op& op : ops()) {
    if (!chosen(o.ops, op.name)) continue;
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::f64}) {
      if (!chosen(o.dtypes, name(dtype))) continue;
      for (const Relu& relu : o.functions()) {
        if (shapes.empty()) all.add(op, dtype, relu, nullptr);
        for (const Shape& shape : shapes) all.add(op, dtype, relu, &shape);
      }
    }
  }
  return all.made();
}

}  // namespace rectify::bench
