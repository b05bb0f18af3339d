// DLTensors as views: every field is converted, or rejected if a view cannot have it.
#include <rectify/dlpack.hpp>
#include <rectify/rectify.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace rectify {
namespace {

class DLPack : public testing::Test {
 protected:
  DLTensor tensor() {
    DLTensor tensor = {};
    tensor.data = memory.data();
    tensor.device = {kDLCPU, 0};
    tensor.ndim = 2;
    tensor.dtype = {kDLFloat, 32, 1};
    tensor.shape = shape;
    return tensor;
  }

  /// `spoil` makes the tensor invalid; a view of it then throws an E whose text holds each of `words`.
  template <class E>
  void expect_rejected(const std::function<void(DLTensor&)>& spoil, std::initializer_list<const char*> words) {
    DLTensor bad = tensor();
    spoil(bad);
    try {
      view_of(bad);
      ADD_FAILURE() << "nothing was thrown; expected " << *words.begin();
    } catch (const E& error) {
      for (const char* word : words)
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what() << " does not say " << word;
    }
    EXPECT_THROW(const_view_of(bad), E);
  }

  std::vector<float> memory = std::vector<float>(16, 7.0f);
  std::int64_t shape[9] = {2, 3, 1, 1, 1, 1, 1, 1, 1}, strides[2] = {1, 2};
};

TEST_F(DLPack, BecomesAViewOfTheSameMemory) {
  const TensorView view = view_of(tensor());
  EXPECT_TRUE(view.present());
  EXPECT_EQ(view.data(), memory.data());
  EXPECT_EQ(view.dtype(), DType::f32);
  EXPECT_EQ(view.shape(), (Shape{2, 3}));
  EXPECT_EQ(view.strides(), (Strides{3, 1}));
  EXPECT_EQ(view.device(), Device::cpu());
  static_assert(std::is_same_v<decltype(const_view_of(tensor())), ConstTensorView>);
  EXPECT_EQ(const_view_of(tensor()).data(), memory.data());
}

TEST_F(DLPack, IsAcceptedByForward) {
  DLTensor x = tensor(), y = tensor();
  memory.assign({-1, 2, -3, 4, -5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7});
  x.strides = strides;
  y.byte_offset = 8 * sizeof(float);
  forward(relu(), const_view_of(x), view_of(y));
  EXPECT_EQ(memory, (std::vector<float>{-1, 2, -3, 4, -5, 6, 7, 7, 0, 0, 0, 2, 4, 6, 7, 7}));
}

TEST_F(DLPack, MapsDtypesAndDevices) {
  const struct {
    DLDataType given;
    DType expected;
  } dtypes[] = {{{kDLFloat, 16, 1}, DType::f16}, {{kDLBfloat, 16, 1}, DType::bf16}, {{kDLFloat, 64, 1}, DType::f64}};
  for (const auto& each : dtypes) {
    DLTensor t = tensor();
    t.dtype = each.given;
    EXPECT_EQ(view_of(t).dtype(), each.expected);
  }
  const struct {
    DLDevice given;
    Device expected;
  } devices[] = {{{kDLCUDA, 2}, Device::cuda(2)}, {{kDLCUDAManaged, 1}, Device::cuda(1)}, {{kDLCUDAHost, 3}, Device::cpu()}};
  for (const auto& each : devices) {
    DLTensor t = tensor();
    t.device = each.given;
    EXPECT_EQ(view_of(t).device(), each.expected);
  }
}

TEST_F(DLPack, RejectsOtherDtypes) {
  expect_rejected<Unsupported>([](DLTensor& t) { t.dtype.lanes = 4; }, {"DLTensor.dtype.lanes", "expected 1", "got 4"});
  expect_rejected<Unsupported>([](DLTensor& t) { t.dtype.lanes = 0; }, {"DLTensor.dtype.lanes", "got 0"});
  const DLDataType others[] = {{kDLInt, 32, 1},    {kDLUInt, 8, 1},     {6 /* bool */, 8, 1}, {kDLFloat, 8, 1},
                               {kDLBfloat, 32, 1}, {kDLComplex, 64, 1}, {255, 255, 1}};
  for (const DLDataType& type : others) {
    const std::string got = "got code " + std::to_string(type.code) + " of " + std::to_string(type.bits) + " bits";
    expect_rejected<Unsupported>([&](DLTensor& t) { t.dtype = type; }, {"DLTensor.dtype", got.c_str()});
  }
}

TEST_F(DLPack, RejectsOtherDevices) {
  expect_rejected<Unsupported>([](DLTensor& t) { t.device.device_type = kDLOpenCL; }, {"DLTensor.device.device_type", "got 4"});
  expect_rejected<Unsupported>([](DLTensor& t) { t.device.device_type = kDLROCM; }, {"DLTensor.device.device_type", "got 10"});
}

TEST_F(DLPack, RejectsInvalidRanksShapesAndStrides) {
  expect_rejected<InvalidArgument>([](DLTensor& t) { t.ndim = 9; }, {"DLTensor.ndim", "0 to 8", "got 9"});
  expect_rejected<InvalidArgument>([](DLTensor& t) { t.ndim = -1; }, {"DLTensor.ndim", "got -1"});
  expect_rejected<InvalidArgument>([](DLTensor& t) { t.shape = nullptr; }, {"DLTensor.shape", "2 extents", "null"});
  strides[1] = -1;
  expect_rejected<Unsupported>([&](DLTensor& t) { t.strides = strides; }, {"DLTensor.strides", "from 0 up", "got -1"});
}

/// NumPy and PyTorch export such strides for a reversed column and for a tensor without elements.
TEST_F(DLPack, IgnoresStridesThatAreNeverWalked) {
  strides[1] = -1;
  DLTensor t = tensor();
  t.strides = strides;
  shape[1] = 1;
  EXPECT_NO_THROW(forward(relu(), view_of(t), view_of(t)));
  shape[0] = 0;
  shape[1] = 3;
  EXPECT_NO_THROW(forward(relu(), view_of(t), view_of(t)));
}

TEST_F(DLPack, RejectsMisalignedAndOverflowingOffsets) {
  expect_rejected<InvalidArgument>([](DLTensor& t) { t.byte_offset = 2; },
                                   {"DLTensor.byte_offset", "aligned to 4 bytes", "got 2"});
  expect_rejected<InvalidArgument>([](DLTensor& t) { t.byte_offset = std::numeric_limits<std::uint64_t>::max() - 3; },
                                   {"DLTensor.byte_offset", "address space"});
}

TEST_F(DLPack, AcceptsMisalignedTensorsWithoutElements) {
  shape[1] = 0;
  DLTensor t = tensor();
  t.byte_offset = 2;
  EXPECT_NO_THROW(forward(relu(), view_of(t), view_of(t)));
}

TEST_F(DLPack, KeepsNullDataNullWhateverTheOffset) {
  DLTensor t = tensor();
  t.data = nullptr;
  t.byte_offset = 8;
  EXPECT_EQ(view_of(t).data(), nullptr);
  EXPECT_THROW(forward(relu(), view_of(tensor()), view_of(t)), InvalidArgument);
  shape[0] = 0;
  EXPECT_NO_THROW(forward(relu(), view_of(t), view_of(t)));
  t.ndim = 0;
  t.shape = nullptr;
  EXPECT_EQ(view_of(t).shape(), Shape{});
}

}  // namespace
}  // namespace rectify
