// The buffers that rectify-bench times: wrong results are found in every placement, and untouched memory stays so.
#include "measure.hpp"

#include <gtest/gtest.h>

namespace rectify::bench {
namespace {

constexpr std::int64_t bytes_of_f32 = 4;

struct Checked {
  explicit Checked(const Case& c, Workload::Placement placement = {})
      : of(c), work(of.op, of.relu, of.dtype, of.elements, Memory::of(Device::cpu()), placement), block(work.solved_block()) {
    work.prepare(block);
    work.call()(nullptr);
  }
  Case of;
  Workload work, block;
};

Case case_of(const char* op, const Layout& layout, std::int64_t units, const Relu& relu = presets::torch::leaky_relu()) {
  Case c{op_called(op), relu, DType::f32, 0, Device::cpu(), {}, false, false};
  c.op.layout = layout;
  c.elements = units * layout.unit_elements();
  return c;
}

float* floats(const Workload& work, const char* name) { return static_cast<float*>(work.view(operand(name)).data()); }

TEST(BenchWorkload, EveryOpEqualsTheReferenceAndASpoiltElementDoesNot) {
  for (const Op& op : ops()) {
    SCOPED_TRACE(op.name);
    const Checked one(
        case_of(op.name.c_str(), op.layout, op.layout.block_units * 2 + 8, op.function(presets::torch::leaky_relu())));
    EXPECT_EQ(one.work.difference(one.block), "");
    const char* const output = op.direction == Direction::forward ? "y" : "dx";
    floats(one.work, output)[one.of.elements - 1] += 1;
    EXPECT_EQ(one.work.difference(one.block), std::string(output) + " at element " + std::to_string(one.of.elements - 1));
    EXPECT_NE(one.work.difference(one.block, 2), "");
  }
}

TEST(BenchWorkload, PeersMayRoundOtherwise) {
  const Checked one(case_of("forward", op_called("forward").layout, 65672));
  float& y = floats(one.work, "y")[100];
  y = std::nextafter(y, 100.f);
  EXPECT_EQ(one.work.difference(one.block), "y at element 100");
  EXPECT_EQ(one.work.difference(one.block, 2), "");
  y *= 1.0001f;
  EXPECT_EQ(one.work.difference(one.block, 2), "y at element 100");
}

TEST(BenchWorkload, LayoutsInMemory) {
  Layout pitched = layout_of({0, 100}, 1), last = layout_of({0, 6, 5, 4}, 1);
  pitched.gap = 64;
  last.channels_last = true;
  EXPECT_EQ(pitched.strides(3), (Strides{164, 1}));
  EXPECT_EQ(last.strides(2), (Strides{120, 1, 24, 6}));
  for (const char* op : {"forward", "backward_mask", "bias_forward", "bias_backward_dbias", "all_sums"}) {
    for (const Layout& layout : {pitched, last, layout_of({0}, 0), layout_of({7, 0}, 0)}) {
      if (layout.channels() == 0 && op_called(op).has_channels()) continue;
      if (layout.lines() > 1 && (op_called(op).has_sums() || op == std::string("backward_mask"))) continue;
      SCOPED_TRACE(std::string(op) + " " + layout.text());
      const Checked one(case_of(op, layout, layout.block_units + 24, op_called(op).function(presets::torch::leaky_relu())));
      EXPECT_EQ(one.work.difference(one.block), "");
    }
  }
}

TEST(BenchWorkload, AWrittenGapIsFound) {
  Layout pitched = layout_of({0, 100}, 1);
  pitched.gap = 64;
  const Checked one(case_of("forward", pitched, 50));
  floats(one.work, "y")[100] = 1;
  EXPECT_EQ(one.work.difference(one.block), "y at element 100");
}

TEST(BenchWorkload, InPlaceAndMisaligned) {
  const Checked in_place(case_of("backward", op_called("backward").layout, 1000), {true, 0});
  EXPECT_EQ(floats(in_place.work, "dx"), floats(in_place.work, "dy"));
  EXPECT_EQ(in_place.work.difference(in_place.block), "");
  in_place.work.restore(in_place.block);
  EXPECT_NE(in_place.work.difference(in_place.block), "");
  in_place.work.call()(nullptr);
  EXPECT_EQ(in_place.work.difference(in_place.block), "");

  const Checked misaligned(case_of("backward_mask", op_called("backward_mask").layout, 1000), {false, 3});
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(floats(misaligned.work, "dy")) % 256, 3 * bytes_of_f32);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(floats(misaligned.work, "dx")) % 256, 0u);
  EXPECT_EQ(misaligned.work.difference(misaligned.block), "");
}

TEST(BenchWorkload, StreamsAreTheBytesThatAnOpMustMove) {
  for (const Op& op : ops()) {
    SCOPED_TRACE(op.name);
    const Case c = case_of(op.name.c_str(), op.layout, 80);
    const Workload work(c.op, c.relu, c.dtype, c.elements, Memory::of(Device::cpu()), {});
    std::size_t bytes = 0, written = 0;
    for (const harness::Stream& stream : work.streams()) {
      bytes += stream.bytes;
      written += stream.is_written;
    }
    EXPECT_EQ(static_cast<std::int64_t>(bytes), c.bytes());
    EXPECT_GE(written, 1u);
  }
}

TEST(BenchMeasure, AWrongResultIsNotTimed) {
  Case c = case_of("forward", op_called("forward").layout, 65672);
  c.op.gain = 2;
  c.op.operands = {operand("x"), operand("y"), operand("mask")};
  c.op.operands.pop_back();
  Settings settings{harness::Rules{}, true, true, 0, [] { return false; }};
  settings.rules.samples = settings.rules.most_samples = 2;
  const Result right = measure(c, settings, {});
  EXPECT_FALSE(right.failed());
  EXPECT_FALSE(right.rows[0].samples.seconds().empty());
  c.relu.alpha = std::nan("");
  const Result wrong = measure(c, settings, {});
  EXPECT_TRUE(wrong.failed());
  EXPECT_TRUE(wrong.rows[0].samples.seconds().empty());
}

/// A peer that computes nothing.
class Idle : public Peer {
 public:
  std::string name() const override { return "idle"; }
  std::string version() const override { return ""; }
  PeerCalls prepare(const std::vector<Workload>& sets) override {
    return {"nothing", std::vector<harness::Work>(sets.size(), [](void*) {})};
  }
};

TEST(BenchMeasure, APeerThatIsWrongFailsAndRectifyIsTimed) {
  std::vector<Contestant> peers;
  peers.push_back({"idle", std::make_unique<Idle>(), ""});
  peers.push_back({"gone", nullptr, "is not installed"});
  Settings settings{harness::Rules{}, true, true, 0, [] { return false; }};
  settings.rules.samples = settings.rules.most_samples = 2;
  const Result result = measure(case_of("forward", op_called("forward").layout, 65672), settings, peers);
  EXPECT_FALSE(result.failed());
  const auto row = [&](const std::string& who) {
    for (const Row& each : result.rows) {
      if (each.who == who) return each;
    }
    return Row{};
  };
  EXPECT_EQ(row("idle").outcome, "failed");
  EXPECT_EQ(row("idle").why, "differs from the reference: y at element 0");
  EXPECT_EQ(row("gone").outcome, "absent");
  EXPECT_FALSE(row("rectify").samples.seconds().empty());
}

TEST(BenchMeasure, ColdCallsRotateOverBuffersAndHotOnesDoNot) {
  Case c = case_of("forward", op_called("forward").layout, 65672);
  EXPECT_EQ(needed_bytes(c, 64 << 20), c.bytes());
  c.is_cold = true;
  EXPECT_GE(needed_bytes(c, 64 << 20), 64 << 20);
  EXPECT_LT(needed_bytes(c, 64 << 20), 65 << 20);
}

}  // namespace
}  // namespace rectify::bench
