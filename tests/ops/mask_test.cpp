// Masks: the bits that forward() writes and backward() reads, against packed() below, which follows the definition.
#include "cases.hpp"
#include "reference.hpp"

#include "core/mask.hpp"
#include <rectify/ops.hpp>

#include <gtest/gtest.h>

#include <cstring>

namespace rectify::test {
namespace {

class Masks : public testing::TestWithParam<Target> {
 protected:
  const Target& target() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Masks, testing::ValuesIn(targets()), target_name);

/// Exact in every dtype, as are all inputs.
constexpr Relu capped{0.5, 0.25, 2};
constexpr Relu flat_and_capped{0, 0.25, 2};
constexpr std::int64_t most = 4099;

const Relu& function_for(DType mask) { return mask == DType::u1 ? flat_and_capped : capped; }

/// 0 below, 1 linear, 2 saturated.
unsigned code(double x) { return !(x > 0.25) ? 0 : x >= 2 ? 2 : 1; }

/// Element i in bit i of u1, counted from the lowest of each byte; in bits 2i and 2i + 1 of u2.
Bytes packed(DType mask, DType dtype, const Bytes& x) {
  const auto width = static_cast<std::size_t>(bits_per_element(mask)),
             size = static_cast<std::size_t>(bytes_per_element(dtype));
  Bytes bytes((x.size() / size * width + 7) / 8);
  for (std::size_t i = 0; i < x.size() / size; ++i) {
    const unsigned at = code(reference::load(dtype, &x[i * size])), bits = mask == DType::u2 ? at : at == 1;
    bytes[i * width / 8] = static_cast<unsigned char>(bytes[i * width / 8] | bits << (i * width % 8));
  }
  return bytes;
}

/// Random numbers around the kinks, including the kinks and NaN.
Bytes numbers(DType dtype, std::int64_t elements, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  Bytes all(static_cast<std::size_t>(elements) * size);
  for (std::size_t at = 0; at < all.size(); at += size) {
    const double v = static_cast<double>(random() % 25) / 8 - 0.5;
    reference::store(dtype, &all[at], v > 2.4 ? std::numeric_limits<double>::quiet_NaN() : v);
  }
  return all;
}

/// Operands with one axis, and the expected outputs.
struct Known {
  Known(DType mask_, DType dtype_, std::int64_t elements)
      : mask(mask_),
        dtype(dtype_),
        x(numbers(dtype, elements, 1)),
        dy(numbers(dtype, elements, 2)),
        y(x),
        dx(x),
        bits(packed(mask, dtype, x)) {
    const Placement at(Shape{elements});
    const Relu& relu = function_for(mask);
    reference::forward(relu, host_view(x, dtype, at), host_view(y, dtype, at));
    reference::backward(relu, host_view(dy, dtype, at), host_view(x, dtype, at), host_view(dx, dtype, at));
  }
  Known first(std::int64_t elements) const {
    Known some = *this;
    for (Bytes* all : {&some.x, &some.dy, &some.y, &some.dx})
      all->resize(static_cast<std::size_t>(elements * bytes_per_element(dtype)));
    some.bits = packed(mask, dtype, some.x);
    return some;
  }

  DType mask, dtype;
  Bytes x, dy, y, dx, bits;
};

/// forward() writes the packed mask: bits past the last element are 0, and bytes past the last byte are not written.
void check_writing(const Target& target, const Known& known, const Placement& at, const Placement& mask_at, bool with_y) {
  target.prepare();
  const Tensor in(target.device, known.dtype, at, known.x), out(target.device, known.dtype, at, known.x),
      mask(target.device, known.mask, mask_at, Bytes(known.bits.size(), 0xff));
  Forward operands;
  operands.x = in.view();
  operands.mask = mask.view();
  if (with_y) operands.y = out.view();
  forward(function_for(known.mask), operands);
  ASSERT_TRUE(same_numbers(known.mask, mask.contents(), known.bits));
  ASSERT_TRUE(mask.guards_intact());
  ASSERT_TRUE(same_numbers(known.dtype, out.contents(), with_y ? known.y : known.x));
  ASSERT_TRUE(out.guards_intact());
}

/// dx from the mask is dx from x.
void check_reading(const Target& target, const Known& known, const Placement& at, const Placement& mask_at) {
  target.prepare();
  const Tensor upstream(target.device, known.dtype, at, known.dy), mask(target.device, known.mask, mask_at, known.bits);
  Backward operands;
  operands.dy = upstream.view();
  operands.mask = mask.view();
  operands.dx = upstream.view();
  backward(function_for(known.mask), operands);
  ASSERT_TRUE(same_numbers(known.dtype, upstream.contents(), known.dx));
  ASSERT_TRUE(upstream.guards_intact());
  ASSERT_EQ(mask.contents(), known.bits);
  ASSERT_TRUE(mask.guards_intact());
}

/// All sizes; under a sanitizer, those near the edges of bytes, vectors, tiles and blocks.
bool is_tried(const Target& target, std::int64_t elements) {
  return !target.sanitized || elements <= 300 || elements % 256 <= 9 || elements % 256 >= 247;
}

bool is_emulated(const Target& target) { return target.name.rfind("kernels", 0) == 0; }

/// Emulated kernels are slow: each size is tried with one dtype, so that each dtype meets every remainder of a byte, and with y or without.
bool is_tried(const Target& target, DType dtype, std::int64_t elements) {
  return !is_emulated(target) || dtype == dtypes[(elements + elements / 8) % 4];
}

/// Transposes a matrix of 4-byte elements.
Bytes transposed(const Bytes& all, std::size_t rows, std::size_t columns) {
  Bytes other(all.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) std::memcpy(&other[4 * (j * rows + i)], &all[4 * (i * columns + j)], 4);
  }
  return other;
}

TEST_P(Masks, AreWrittenAndReadBackForEverySize) {
  for (DType dtype : dtypes) {
    for (DType mask : {DType::u1, DType::u2}) {
      const Known all(mask, dtype, most);
      for (std::int64_t n = 0; n <= most; ++n) {
        if (!is_tried(target(), n) || !is_tried(target(), dtype, n) || is_left_out(target(), n / 8 + n % 8, 4)) continue;
        const int mask_offset = n % 3 == 0 ? static_cast<int>(n / 3 % 4) : 0, offset = n % 5 == 0 ? 1 : 0;
        const Known some = all.first(n);
        const Placement at(Shape{n}, offset), mask_at(Shape{n}, mask_offset);
        for (bool with_y : {false, true}) {
          if (!is_emulated(target()) || with_y == (n / 64 % 2 == 0)) check_writing(target(), some, at, mask_at, with_y);
        }
        check_reading(target(), some, at, mask_at);
        ASSERT_FALSE(HasFailure()) << name(dtype) << ", " << n << " elements, " << name(mask) << ", offsets " << offset << ", "
                                   << mask_offset;
      }
    }
  }
}

/// Large enough for several threads, and for outputs that are streamed past the caches.
TEST_P(Masks, LargeMasksAreWrittenAndReadBack) {
  for (std::int64_t bytes : {400012, 9 << 20}) {
    for (DType dtype : {DType::bf16, DType::f32}) {
      const std::int64_t n = bytes / bytes_per_element(dtype) + 3;
      for (DType mask : {DType::u1, DType::u2}) {
        const Known known(mask, dtype, n);
        for (int offset : {0, 1}) {
          SCOPED_TRACE(name(dtype) + ", " + std::to_string(n) + ", " + name(mask) + ", offset " + std::to_string(offset));
          const Placement at(Shape{n}, offset);
          check_writing(target(), known, at, at, offset == 0);
          check_reading(target(), known, at, at);
        }
      }
    }
    if (is_emulated(target())) return;  // the larger size would take seconds per call
  }
}

/// Elements that share a byte of the mask are far apart in the tensors: the work of a thread must not end within a byte.
TEST_P(Masks, LargeMasksOfStridedTensorsAreWrittenAndReadBack) {
  constexpr std::int64_t rows = 7001, columns = 13;
  const Placement by_columns(Shape{rows, columns}, {1, rows}), by_rows(Shape{rows, columns});
  for (DType mask : {DType::u1, DType::u2}) {
    const Known known(mask, DType::f32, rows * columns);
    Known placed = known;
    for (Bytes Known::*bytes : {&Known::x, &Known::dy, &Known::y, &Known::dx})
      placed.*bytes = transposed(known.*bytes, rows, columns);
    check_writing(target(), placed, by_columns, by_rows, true);
    check_reading(target(), placed, by_columns, by_rows);
  }
}

/// The order of numpy.packbits(bitorder='little'); the bytes are written by hand.
TEST_P(Masks, BitsCountFromTheLowestOfTheFirstByte) {
  const float values[] = {1, 0.25f, 2, 0.5f, -1, 3, 1, 1, 0, 1};  // l b s l b s l l  b l
  for (DType mask : {DType::u1, DType::u2}) {
    Known known(mask, DType::f32, 10);
    known.x.assign(reinterpret_cast<const unsigned char*>(values), reinterpret_cast<const unsigned char*>(values + 10));
    known.bits = mask == DType::u1 ? Bytes{0b11001001, 0b00000010} : Bytes{0b01100001, 0b01011000, 0b00000100};
    check_writing(target(), known, Placement(Shape{10}), Placement(Shape{10}), false);
  }
}

TEST(MaskCodes, MapToPiecesAndBack) {
  EXPECT_EQ(detail::code_of({true, false}), 0u);
  EXPECT_EQ(detail::code_of({true, true}), 0u) << "below comes first";
  EXPECT_EQ(detail::code_of({false, false}), 1u);
  EXPECT_EQ(detail::code_of({false, true}), 2u);
  for (unsigned code : {0u, 1u, 2u}) EXPECT_EQ(detail::code_of(detail::piece_of(code)), code);
}

}  // namespace
}  // namespace rectify::test
