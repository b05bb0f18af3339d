// The workspace that sums need: its size, and invalid workspaces.
#include "sum_validation.hpp"

namespace rectify::test {
namespace {

class WorkspaceValidation : public SumValidation {
 protected:
  /// A call over null views, as workspace_bytes() uses only their sizes.
  static Backward sized(const Shape& shape) {
    Backward b;
    b.dy = b.x = ConstTensorView(nullptr, DType::f32, shape, Device::cpu());
    b.dx = TensorView(nullptr, DType::f32, shape, Device::cpu());
    b.scale = ConstTensorView(nullptr, DType::f32, {shape[1]}, Device::cpu());
    return b;
  }
  /// A call without elements, with the scale that dscale requires.
  Backward empty(const Shape& shape) {
    Backward b = sized(shape);
    b.scale = ConstTensorView(place(5), {1}, Device::cpu());
    return b;
  }
  static TensorView null(std::int64_t length) { return {nullptr, DType::f32, {length}, Device::cpu()}; }
};

TEST_F(WorkspaceValidation, RejectsANullOrShortWorkspace) {
  for (const SumName& sum : sums) {
    Backward b = call_for(sum, tensor({3}));
    ASSERT_EQ(workspace_bytes(relu(), b), 256u);
    b.workspace.data = nullptr;
    expect_rejected(b, {"workspace", "256 bytes, as workspace_bytes() says", "got null"});
    b.workspace = {workspace.data, 255};
    expect_rejected(b, {"workspace", "256 bytes, as workspace_bytes() says", "got 255"});
    b.workspace = {};
    expect_rejected(b, {"workspace"});
    b.workspace = {workspace.data, 257};
    expect_accepted(b);
  }
}

TEST_F(WorkspaceValidation, RejectsAMisalignedWorkspace) {
  for (int off : {4, 128, 255}) {
    Backward b = call_for(sums[1], tensor({3}));
    b.workspace.data = static_cast<char*>(workspace.data) + off;
    expect_rejected(b, {"workspace", "a boundary of 256 bytes", "got 0x"});
  }
}

TEST_F(WorkspaceValidation, RejectsOverlapWithAnyOperand) {
  char* const begin = static_cast<char*>(workspace.data);
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) {
    const Backward valid = all_from(source);
    ASSERT_EQ(workspace_bytes(relu(), valid), 256u);
    for (const Place<Backward>& operand : backward_places) {
      if (!operand.of(valid).present()) continue;
      SCOPED_TRACE(operand.name);
      const std::ptrdiff_t own = bytes_of(operand.of(valid)), unit = is_mask(operand.of(valid)) ? 1 : 4;
      const auto moved = [&](std::ptrdiff_t by) {
        Backward b = valid;
        operand.move(b, begin + by);
        return b;
      };
      for (std::ptrdiff_t by : {unit - own, std::ptrdiff_t{64}, 256 - unit})
        expect_rejected(moved(by),
                        {"workspace", "outside the bytes from the first to the last of", operand.name, "an overlap"});
      for (std::ptrdiff_t by : {-own, std::ptrdiff_t{256}}) expect_accepted(moved(by));
    }
  }
}

TEST_F(WorkspaceValidation, IgnoresTheWorkspaceWithoutSums) {
  Backward b = valid_backward();
  EXPECT_EQ(workspace_bytes(relu(), b), 0u);
  for (const Workspace& any : {Workspace{}, Workspace{reinterpret_cast<char*>(dx) + 1, 3}, Workspace{x, 256}}) {
    b.workspace = any;
    expect_accepted(b);
  }
}

TEST_F(WorkspaceValidation, GivesTheSameSizeWithoutData) {
  const Backward valid = all_from(&Backward::x);
  Backward b = sized({2, 3});
  b.workspace = {};
  EXPECT_EQ(workspace_bytes(relu(), b), 0u);
  for (const SumName& sum : sums) b.*sum.view = null(3);
  EXPECT_EQ(workspace_bytes(relu(), b), workspace_bytes(relu(), valid));
  Backward from_mask = b;
  from_mask.x = from_mask.bias = {};
  from_mask.dscale = from_mask.dalpha = {};
  from_mask.mask = ConstTensorView(nullptr, DType::u2, {2, 3}, Device::cpu());
  EXPECT_EQ(workspace_bytes(relu(), from_mask), 256u);
}

TEST_F(WorkspaceValidation, GivesSizesThatGrowWithSumsAndChannels) {
  for (const Shape& shape : {Shape{4096, 1024}, Shape{8, 64, 28, 28}, Shape{100000, 3}}) {
    Backward b = sized(shape);
    std::size_t last = 0;
    for (const SumName& sum : sums) {
      b.*sum.view = null(1);
      EXPECT_GE(workspace_bytes(relu(), b), last) << sum.name;  // one or two elements may still fit into the last 256 bytes
      b.*sum.view = null(shape[1]);
      EXPECT_GT(workspace_bytes(relu(), b), last) << sum.name;
      last = workspace_bytes(relu(), b);
      EXPECT_EQ(last % 256, 0u);
    }
  }
}

/// A workspace holds at least one element per channel: a smaller size would be the result of an overflow.
TEST_F(WorkspaceValidation, RejectsSizesThatOverflow) {
  const auto check = [&](const Shape& shape, DType dtype, std::int64_t length, std::initializer_list<const SumName*> some) {
    Backward b;
    b.dy = b.x = ConstTensorView(nullptr, dtype, shape, Device::cpu());
    b.scale = ConstTensorView(nullptr, dtype, {1}, Device::cpu());
    for (const SumName* sum : some) b.*sum->view = TensorView(nullptr, DType::f32, {length}, Device::cpu());
    try {
      const std::size_t bytes = workspace_bytes(relu(), b);
      EXPECT_GE(bytes / 4 / some.size(), static_cast<std::size_t>(length)) << shape[0] << " x " << shape[1];
      EXPECT_LE(bytes, std::numeric_limits<std::size_t>::max() / 2);
      return true;
    } catch (const InvalidArgument& error) {
      EXPECT_NE(std::string(error.what()).find("at most 2^63 - 1 bytes"), std::string::npos) << error.what();
      EXPECT_THROW(backward(relu(), b), InvalidArgument);
      return false;
    }
  };
  const std::int64_t most = (std::int64_t{1} << 62) - 1;  // elements of f16
  const SumName* const one = &sums[1];
  EXPECT_FALSE(check({1, 2305561568592535552}, DType::f16, 2305561568592535552, {&sums[1], &sums[3]}));
  EXPECT_FALSE(check({1, most / 2}, DType::bf16, most / 2, {&sums[0], &sums[1], &sums[2], &sums[3], &sums[4]}));
  EXPECT_FALSE(check({1, most}, DType::f16, most, {one}));
  EXPECT_TRUE(check({1, most}, DType::f16, 1, {one}));
  EXPECT_TRUE(check({most / 3, 3}, DType::f16, 3, {one}));
  for (int log = 20; log < 62; ++log) {
    for (std::int64_t odd : {-1, 0, 1}) {
      const std::int64_t channels = (std::int64_t{1} << log) + odd;
      const bool served = check({1, channels}, DType::f16, channels, {one});
      EXPECT_TRUE(served || log >= 60) << channels;
      check({2, channels}, DType::f16, channels, {one, &sums[4]});
    }
  }
}

TEST_F(WorkspaceValidation, NeedsNoWorkspaceForNoElements) {
  for (const Shape& shape : {Shape{0, 3}, Shape{2, 0}}) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      Backward b = empty(shape);
      b.*sum.view = tensor({1});
      EXPECT_EQ(workspace_bytes(relu(), b), 0u);
      expect_accepted(b);
      b.*sum.view = tensor({shape[1]});
      expect_accepted(b);
      b.*sum.view = tensor({4});
      expect_rejected_by_both(b, {sum.name, "1 element, or"});
    }
  }
}

TEST_F(WorkspaceValidation, AcceptsAnyStridesOfTensorsWithoutElements) {
  for (const Strides& strides : {Strides{100, 1}, Strides{0, 1}, Strides{0, 0}, Strides{1, 100}}) {
    for (const Shape& shape : {Shape{0, 3}, Shape{4, 0}}) {
      Backward b = empty(shape);
      b.dx = TensorView(place(3), shape, Device::cpu()).strided(strides);
      expect_accepted(b);
      b.dbias = tensor({1});
      expect_accepted(b);
    }
  }
  Backward b = empty({4, 0});
  b.dbias = tensor({0}).strided({0});
  expect_accepted(b);
}

}  // namespace
}  // namespace rectify::test
