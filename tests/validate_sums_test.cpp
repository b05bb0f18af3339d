// Sums of the backward that are refused, with the workspace that they need, and those that must not be.
#include "places.hpp"
#include "refusal.hpp"

#include <cstdint>

namespace rectify::test {
namespace {

struct SumName {
  const char* name;
  TensorView Backward::*view;
};
constexpr SumName sums[] = {
    {"dscale", &Backward::dscale},         {"dbias", &Backward::dbias},           {"dalpha", &Backward::dalpha},
    {"dthreshold", &Backward::dthreshold}, {"dmax_value", &Backward::dmax_value},
};

bool is_sum(const Place<Backward>& place) {
  return place.output != nullptr && place.output != &Backward::dx && place.output != &Backward::dresidual;
}

/// The workspace lies in the memory that must not be written too.
class SumRefusal : public Refusal {
 protected:
  SumRefusal() {
    memory.assign(512, 7.0f);
    x = place(0);
    dy = place(1);
    y = place(2);
    dx = place(3);
    spare = place(4);
    const auto address = reinterpret_cast<std::uintptr_t>(place(20));
    workspace.data = reinterpret_cast<char*>(place(20)) + (256 - address % 256) % 256;
    workspace.bytes = 256;
  }

  /// The k-th of places far from each other. The workspace begins at the 20th or a little later, and ends before the 28th.
  float* place(int k) { return &memory[static_cast<std::size_t>(16 * (k + 1))]; }
  TensorView tensor(const Shape& shape, DType dtype = DType::f32) const { return {spare, dtype, shape, Device::cpu()}; }

  /// A call for one sum, with the scale that dscale asks for.
  Backward asking(const SumName& sum, const TensorView& view, int channel_axis = 1) {
    Backward b;
    b.dy = {dy, dtype_, {2, 3}, Device::cpu()};
    b.x = {x, dtype_, {2, 3}, Device::cpu()};
    b.dx = {dx, dtype_, {2, 3}, Device::cpu()};
    b.scale = {place(5), dtype_, {1}, Device::cpu()};
    b.*sum.view = view;
    b.channel_axis = channel_axis;
    b.workspace = workspace;
    return b;
  }

  /// The dtype of x and of every tensor like it, from here on.
  void tensors_are(DType dtype) { dtype_ = dtype; }

  /// By backward, and by workspace_bytes just so.
  template <class E = InvalidArgument>
  void both_refuse(const Backward& b, std::initializer_list<const char*> words, const Relu& f = relu()) {
    refuses<E>(b, words, f);
    expect<E>([&] { workspace_bytes(f, b); }, words);
  }
  template <class E = InvalidArgument>
  void refuses_each(const TensorView& view, std::initializer_list<const char*> words, int channel_axis = 1) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      both_refuse<E>(asking(sum, view, channel_axis), {sum.name});
      both_refuse<E>(asking(sum, view, channel_axis), words);
    }
  }
  /// What workspace_bytes, which does not look at memory, accepts.
  void refuses_each_in_memory(const TensorView& view, std::initializer_list<const char*> words) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      refuses(asking(sum, view), {sum.name});
      refuses(asking(sum, view), words);
      EXPECT_EQ(workspace_bytes(relu(), asking(sum, view)), 256u);
    }
  }
  void accepts_each(const TensorView& view, int channel_axis = 1) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      accepts(asking(sum, view, channel_axis));
    }
  }

  /// A call with all that goes with the source, each operand in a place of its own.
  Backward all_from(ConstTensorView Backward::*source) {
    const auto three = [&](int k) { return TensorView(place(k), {3}, Device::cpu()); };
    Backward b;
    b.dy = in(place(0));
    b.*source = source == &Backward::mask ? ConstTensorView(place(1), DType::u2, {2, 3}, Device::cpu()) : in(place(1));
    b.dx = out(place(2));
    b.dresidual = out(place(3));
    b.dbias = three(4);
    b.dthreshold = three(5);
    b.dmax_value = three(6);
    b.workspace = workspace;
    if (source == &Backward::y) return b;
    b.scale = three(7);
    b.alpha = three(8);
    b.threshold = three(9);
    b.max_value = three(10);
    if (source == &Backward::mask) return b;
    b.bias = three(11);
    b.residual = in(place(12));
    b.dscale = three(13);
    b.dalpha = three(14);
    return b;
  }

  /// The sum is moved to where it meets the other by its last byte and by its first, and to both sides of it.
  void check_pair(const Backward& sound, const Place<Backward>& sum, const Place<Backward>& other) {
    const std::ptrdiff_t end = (bytes_of(other.of(sound)) + 3) / 4 * 4;
    const auto moved = [&](std::ptrdiff_t by) {
      Backward b = sound;
      sum.move(b, bytes_at(other.of(sound)) + by);
      return b;
    };
    // Of two outputs either may be named first.
    for (std::ptrdiff_t by : {std::ptrdiff_t{-8}, std::ptrdiff_t{0}, end - 4})
      refuses(moved(by), {sum.name, "no byte in common with", other.name, "an overlap"});
    for (std::ptrdiff_t by : {std::ptrdiff_t{-12}, end}) accepts(moved(by));
  }

  Workspace workspace;

 private:
  DType dtype_ = DType::f32;
};

TEST_F(SumRefusal, Dtypes) {
  for (DType dtype : {DType::f64, DType::f16, DType::bf16, DType::u1, DType::u2, static_cast<DType>(99)})
    refuses_each(tensor({3}, dtype), {"expected dtype f32, in which f32 is summed"});
  refuses_each(tensor({3}, DType::f64), {"got f64"});
  accepts_each(tensor({3}));
  for (DType narrow : {DType::f16, DType::bf16}) {
    tensors_are(narrow);
    const char* const name = narrow == DType::f16 ? "f16" : "bf16";
    for (DType dtype : {DType::f16, DType::bf16, DType::f64}) refuses_each(tensor({3}, dtype), {"dtype f32, in which", name});
    accepts_each(tensor({3}));
  }
  tensors_are(DType::f64);
  for (DType dtype : {DType::f32, DType::f16}) refuses_each(tensor({3}, dtype), {"expected dtype f64, in which f64 is summed"});
  accepts_each(tensor({3}, DType::f64));
}

TEST_F(SumRefusal, NeitherOneElementNorOneAChannel) {
  for (const Shape& shape : {Shape{2}, Shape{6}, Shape{0}, Shape{4, 1, 1}})
    refuses_each(tensor(shape), {"1 element, or 3, the extent of axis 1", "got shape ["});
  for (const Shape& shape : {Shape{3, 1}, Shape{4, 1}, Shape{1, 2}})
    refuses_each(tensor(shape), {"1 element, or 3 along axis 1, the channel axis", "got shape ["});
  for (int axis : {0, -2}) refuses_each(tensor({3}), {"1 element, or 2, the extent of axis 0", "[3]"}, axis);
}

TEST_F(SumRefusal, MoreThanOneExtentThatIsNotOne) {
  refuses_each(tensor({2, 3}), {"one extent other than 1 at most", "[2, 3]"});
  refuses_each(tensor({3, 1, 3}), {"one extent other than 1 at most", "[3, 1, 3]"});
  refuses_each(tensor({2, 3}), {"one extent other than 1 at most"}, 99);
}

TEST_F(SumRefusal, EveryFormOfOneElementOrOneAChannelIsServed) {
  for (const Shape& one : {Shape{}, Shape{1}, Shape{1, 1, 1}}) accepts_each(tensor(one));
  for (const Shape& three : {Shape{3}, Shape{1, 3}, Shape{1, 3, 1, 1}, Shape{3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 3}})
    accepts_each(tensor(three));
  accepts_each(tensor({3}), -1);
  for (int axis : {0, -2}) accepts_each(tensor({2}), axis);
  accepts_each(tensor({3}).strided({2}));
  accepts_each(tensor({1}).strided({0}));
  accepts_each(tensor({1, 3}).strided({0, 1}));
  accepts_each(tensor({1, 3}).strided({-3, 1}));
}

TEST_F(SumRefusal, AChannelAxisThatXHasNotWhereASumAloneHasChannels) {
  for (int axis : {2, -3, 99, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    for (const SumName& sum : sums)
      both_refuse(asking(sum, tensor({3}), axis), {"channel_axis", "-2 to 1", std::to_string(axis).c_str()});
    accepts_each(tensor({1}), axis);  // nothing has channels, so the axis does not count
  }
}

TEST_F(SumRefusal, ChannelsOfATensorWithoutAxes) {
  for (const SumName& sum : sums) {
    Backward b = asking(sum, tensor({3}));
    b.dy = ConstTensorView(dy, {}, Device::cpu());
    b.x = ConstTensorView(x, {}, Device::cpu());
    b.dx = TensorView(dx, {}, Device::cpu());
    both_refuse(b, {"channel_axis", "rank 1 at least", "rank 0"});
    b.*sum.view = tensor({});
    accepts(b);
  }
}

TEST_F(SumRefusal, PlacesAndStrides) {
  refuses_each(TensorView(spare, {3}, Device::cuda(0)), {"device cpu as x", "cuda:0"});
  refuses_each(tensor({-3}), {"extents from 0 up", "[-3]"});
  refuses_each<Unsupported>(tensor({3}).strided({-1}), {"strides from 0 up", "[-1]"});
}

TEST_F(SumRefusal, Memory) {
  refuses_each_in_memory(TensorView(static_cast<float*>(nullptr), {3}, Device::cpu()), {"data", "null with shape [3]"});
  refuses_each_in_memory(TensorView(reinterpret_cast<char*>(spare) + 2, DType::f32, {3}, Device::cpu()),
                         {"data aligned to 4 bytes"});
  refuses_each_in_memory(tensor({3}).strided({0}), {"does not overlap itself", "[3] over strides [0]"});
}

TEST_F(SumRefusal, OverlapWithAnyOperand) {
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) {
    const Backward sound = all_from(source);
    accepts(sound);
    for (const Place<Backward>& sum : backward_places) {
      if (!sum.of(sound).present() || !is_sum(sum)) continue;
      for (const Place<Backward>& other : backward_places) {
        if (sum.name == other.name || !other.of(sound).present()) continue;
        SCOPED_TRACE(std::string(sum.name) + " and " + other.name);
        check_pair(sound, sum, other);
      }
    }
  }
}

TEST_F(SumRefusal, TheSourcesYAndMaskDoNotTellXOrZ) {
  for (auto source : {&Backward::y, &Backward::mask}) {
    const char* const reason = source == &Backward::y ? "none, as the source is y" : "none, as the source is a mask";
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      Backward b = all_from(source);
      b.dbias = b.dthreshold = b.dmax_value = {};
      b.*sum.view = tensor({3});
      const bool needs_more = sum.view == &Backward::dscale || sum.view == &Backward::dalpha;
      needs_more ? both_refuse(b, {sum.name, reason}) : accepts(b);
    }
  }
}

TEST_F(SumRefusal, DscaleWithoutAScale) {
  Backward b = asking(sums[0], tensor({3}));
  b.scale = {};
  both_refuse(b, {"dscale", "a scale beside it", "none"});
}

TEST_F(SumRefusal, TheOthersNeedNoParameterBesideThem) {
  for (const SumName& sum : sums) {
    if (sum.view == &Backward::dscale) continue;
    Backward b = asking(sum, tensor({3}));
    b.scale = {};
    accepts(b);
  }
}

TEST_F(SumRefusal, DmaxValueFromOneBitWhereThereIsACap) {
  const auto from = [&](DType mask, const SumName& sum, bool cap_in_a_tensor) {
    Backward b = asking(sum, tensor({1}));
    b.x = {};
    b.mask = ConstTensorView(y, mask, {2, 3}, Device::cpu());
    if (cap_in_a_tensor) b.max_value = ConstTensorView(place(6), {1}, Device::cpu());
    return b;
  };
  const SumName &dbias = sums[1], &dthreshold = sums[3], &dmax_value = sums[4];
  for (bool in_a_tensor : {false, true}) {
    const Relu capped = in_a_tensor ? relu() : relu6();
    both_refuse(from(DType::u1, dmax_value, in_a_tensor), {"dmax_value", "a mask of dtype u2", "there is a cap", "got u1"},
                capped);
    accepts(from(DType::u2, dmax_value, in_a_tensor), capped);
    for (const SumName& other : {dbias, dthreshold}) accepts(from(DType::u1, other, in_a_tensor), capped);
  }
  for (const Relu& uncapped : {relu(), Relu{0.5, 1}, Relu{0, 0, 1e300}}) accepts(from(DType::u1, dmax_value, false), uncapped);
}

TEST_F(SumRefusal, NothingAskedFor) {
  Backward b = asking(sums[1], {});
  b.dx = {};
  both_refuse(b, {"dx, dresidual, sums", "a tensor in one of the outputs", "none"});
  for (const SumName& sum : sums) {
    b = asking(sum, tensor({3}));
    b.dx = {};
    accepts(b);
  }
}

TEST_F(SumRefusal, NumbersAndOperandsAsWithoutSums) {
  for (const SumName& sum : sums) {
    both_refuse(asking(sum, tensor({3})), {"alpha"}, {nan});
    Backward b = asking(sum, tensor({3}));
    b.dy = ConstTensorView(dy, {3, 2}, Device::cpu());
    both_refuse(b, {"dy", "shape [2, 3] as x"});
  }
}

class WorkspaceRefusal : public SumRefusal {
 protected:
  /// Every sum, over null views: only their sizes count.
  static Backward sized(const Shape& shape) {
    Backward b;
    b.dy = b.x = ConstTensorView(nullptr, DType::f32, shape, Device::cpu());
    b.dx = TensorView(nullptr, DType::f32, shape, Device::cpu());
    b.scale = ConstTensorView(nullptr, DType::f32, {shape[1]}, Device::cpu());
    return b;
  }
  /// A call over no elements, with the scale that dscale asks for.
  Backward empty(const Shape& shape) {
    Backward b = sized(shape);
    b.scale = ConstTensorView(place(5), {1}, Device::cpu());
    return b;
  }
  static TensorView null(std::int64_t length) { return {nullptr, DType::f32, {length}, Device::cpu()}; }
};

TEST_F(WorkspaceRefusal, NullOrShort) {
  for (const SumName& sum : sums) {
    Backward b = asking(sum, tensor({3}));
    ASSERT_EQ(workspace_bytes(relu(), b), 256u);
    b.workspace.data = nullptr;
    refuses(b, {"workspace", "256 bytes, as workspace_bytes() says", "got null"});
    b.workspace = {workspace.data, 255};
    refuses(b, {"workspace", "256 bytes, as workspace_bytes() says", "got 255"});
    b.workspace = {};
    refuses(b, {"workspace"});
    b.workspace = {workspace.data, 257};
    accepts(b);
  }
}

TEST_F(WorkspaceRefusal, OffItsBoundary) {
  for (int off : {4, 128, 255}) {
    Backward b = asking(sums[1], tensor({3}));
    b.workspace.data = static_cast<char*>(workspace.data) + off;
    refuses(b, {"workspace", "a boundary of 256 bytes", "got 0x"});
  }
}

TEST_F(WorkspaceRefusal, OverlapWithAnyOperand) {
  char* const begin = static_cast<char*>(workspace.data);
  for (auto source : {&Backward::x, &Backward::y, &Backward::mask}) {
    const Backward sound = all_from(source);
    ASSERT_EQ(workspace_bytes(relu(), sound), 256u);
    for (const Place<Backward>& operand : backward_places) {
      if (!operand.of(sound).present()) continue;
      SCOPED_TRACE(operand.name);
      const std::ptrdiff_t own = bytes_of(operand.of(sound)), unit = is_mask(operand.of(sound)) ? 1 : 4;
      const auto moved = [&](std::ptrdiff_t by) {
        Backward b = sound;
        operand.move(b, begin + by);
        return b;
      };
      for (std::ptrdiff_t by : {unit - own, std::ptrdiff_t{64}, 256 - unit})
        refuses(moved(by), {"workspace", "outside the bytes from the first to the last of", operand.name, "an overlap"});
      for (std::ptrdiff_t by : {-own, std::ptrdiff_t{256}}) accepts(moved(by));
    }
  }
}

TEST_F(WorkspaceRefusal, IsNotLookedAtWithoutSums) {
  Backward b = sound_backward();
  EXPECT_EQ(workspace_bytes(relu(), b), 0u);
  for (const Workspace& any : {Workspace{}, Workspace{reinterpret_cast<char*>(dx) + 1, 3}, Workspace{x, 256}}) {
    b.workspace = any;
    accepts(b);
  }
}

TEST_F(WorkspaceRefusal, SizesDoNotDependOnData) {
  const Backward sound = all_from(&Backward::x);
  Backward b = sized({2, 3});
  b.workspace = {};
  EXPECT_EQ(workspace_bytes(relu(), b), 0u);
  for (const SumName& sum : sums) b.*sum.view = null(3);
  EXPECT_EQ(workspace_bytes(relu(), b), workspace_bytes(relu(), sound));
  Backward from_mask = b;
  from_mask.x = from_mask.bias = {};
  from_mask.dscale = from_mask.dalpha = {};
  from_mask.mask = ConstTensorView(nullptr, DType::u2, {2, 3}, Device::cpu());
  EXPECT_EQ(workspace_bytes(relu(), from_mask), 256u);
}

TEST_F(WorkspaceRefusal, SizesGrowWithSumsAndTheirChannels) {
  for (const Shape& shape : {Shape{4096, 1024}, Shape{8, 64, 28, 28}, Shape{100000, 3}}) {
    Backward b = sized(shape);
    std::size_t last = 0;
    for (const SumName& sum : sums) {
      b.*sum.view = null(1);
      EXPECT_GE(workspace_bytes(relu(), b), last) << sum.name;  // a number or two may still fit into the last 256 bytes
      b.*sum.view = null(shape[1]);
      EXPECT_GT(workspace_bytes(relu(), b), last) << sum.name;
      last = workspace_bytes(relu(), b);
      EXPECT_EQ(last % 256, 0u);
    }
  }
}

/// Every channel has at least one number in a workspace: a size below that was computed past the end of its type.
TEST_F(WorkspaceRefusal, SizesBeyondTheirTypeAreRefused) {
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
      EXPECT_NE(std::string(error.what()).find("at most 2^63 - 1 bytes"), std::string::npos)
          << error.what();
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

TEST_F(WorkspaceRefusal, NoElementsNeedNone) {
  for (const Shape& shape : {Shape{0, 3}, Shape{2, 0}}) {
    for (const SumName& sum : sums) {
      SCOPED_TRACE(sum.name);
      Backward b = empty(shape);
      b.*sum.view = tensor({1});
      EXPECT_EQ(workspace_bytes(relu(), b), 0u);
      accepts(b);
      b.*sum.view = tensor({shape[1]});
      accepts(b);
      b.*sum.view = tensor({4});
      both_refuse(b, {sum.name, "1 element, or"});
    }
  }
}

TEST_F(WorkspaceRefusal, NoElementsLieNowhere) {
  for (const Strides& strides : {Strides{100, 1}, Strides{0, 1}, Strides{0, 0}, Strides{1, 100}}) {
    for (const Shape& shape : {Shape{0, 3}, Shape{4, 0}}) {
      Backward b = empty(shape);
      b.dx = TensorView(place(3), shape, Device::cpu()).strided(strides);
      accepts(b);
      b.dbias = tensor({1});
      accepts(b);
    }
  }
  Backward b = empty({4, 0});
  b.dbias = tensor({0}).strided({0});
  accepts(b);
}

}  // namespace
}  // namespace rectify::test
