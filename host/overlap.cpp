// Two views a and b share a byte if integers c_k can be chosen, each within its range, so that the sum of c_k * stride_k is the
// distance from a to b. Each axis of a is a term with 0 <= c < extent, each axis of b one with -extent < c <= 0, and the bytes
// within an element are a further axis. In general this is a search (the knapsack problem). If the strides are those of one
// array, all smaller strides together span less than two steps of the next larger one, so at most two multiples of it need to
// be tried.
#include "overlap.hpp"

#include "layout.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace rectify::detail {
namespace {

/// Spans have up to 63 bits, so the sum of two of them, and products with a remainder, need more than 64.
__extension__ using Wide = __int128;

Wide floor_divided(Wide a, Wide b) { return a / b - (a % b < 0); }  // b > 0
Wide ceil_divided(Wide a, Wide b) { return -floor_divided(-a, b); }
Wide modulo(Wide a, Wide b) { return a - floor_divided(a, b) * b; }

/// The inverse of a modulo m, by Euclid's algorithm. a and m must have no common divisor. For m = 1 it is 0.
std::int64_t inverse(std::int64_t a, std::int64_t m) {
  Wide r = m, next_r = a % m, t = 0, next_t = 1;
  while (next_r != 0) {
    const Wide quotient = r / next_r;
    r -= quotient * next_r;
    std::swap(r, next_r);
    t -= quotient * next_t;
    std::swap(t, next_t);
  }
  return static_cast<std::int64_t>(modulo(t, m));
}

/// The values c * stride, with c from low to high.
struct Term {
  std::int64_t stride, low, high;
};

/// Tells whether one value of each term can be chosen so that they add up to a given sum.
class Terms {
 public:
  void add(std::int64_t stride, std::int64_t low, std::int64_t high) {
    if (stride == 0 || low == high) return;
    const auto same = std::find_if(terms_, terms_ + count_, [&](const Term& term) { return term.stride == stride; });
    if (same == terms_ + count_) {
      terms_[count_++] = {stride, low, high};
    } else {
      same->low += low;
      same->high += high;
    }
  }

  Overlap can_add_up_to(Wide sum) {
    std::sort(terms_, terms_ + count_, [](const Term& a, const Term& b) { return a.stride > b.stride; });
    for (int k = count_ - 1; k >= 0; --k) {
      least_[k] = least_[k + 1] + Wide{terms_[k].low} * terms_[k].stride;
      most_[k] = most_[k + 1] + Wide{terms_[k].high} * terms_[k].stride;
    }
    const bool found = all_add_up_to(0, sum);
    return found ? Overlap::some : steps_left_ > 0 ? Overlap::none : Overlap::unknown;
  }

 private:
  bool is_out_of_steps() { return steps_left_ == 0 || --steps_left_ == 0; }

  /// True if the terms from index `first` on can add up to `sum`. They are divided into groups: all sums of a group are
  /// multiples of the group's common divisor, and a group takes in terms until the remaining ones span less than two such
  /// multiples.
  bool all_add_up_to(int first, Wide sum) {
    if (first == count_) return sum == 0;
    if (sum < least_[first] || sum > most_[first] || is_out_of_steps()) return false;
    std::int64_t divisor = terms_[first].stride;
    int end = first + 1;
    for (; end < count_ && most_[end] - least_[end] >= 2 * Wide{divisor}; ++end)
      divisor = std::gcd(divisor, terms_[end].stride);
    const Wide begin = ceil_divided(sum - most_[end], divisor) * divisor, last = sum - least_[end];
    for (Wide part = begin; part <= last && steps_left_ > 0; part += divisor) {
      if (group_adds_up_to(first, end, part) && all_add_up_to(end, sum - part)) return true;
    }
    return false;
  }

  /// True if the terms from index `first` to `end` - 1 can add up to `sum`.
  bool group_adds_up_to(int first, int end, Wide sum) {
    if (sum < least_[first] - least_[end] || sum > most_[first] - most_[end] || is_out_of_steps()) return false;
    const Term& term = terms_[first];
    if (end - first == 1) return true;  // all_add_up_to() passes only multiples of the stride
    if (end - first == 2) return pair_adds_up_to(term, terms_[first + 1], sum);
    const Wide rest_least = least_[first + 1] - least_[end], rest_most = most_[first + 1] - most_[end];
    const Wide last = std::min(Wide{term.high}, floor_divided(sum - rest_least, term.stride));
    for (Wide c = std::max(Wide{term.low}, ceil_divided(sum - rest_most, term.stride)); c <= last && steps_left_ > 0; ++c) {
      if (group_adds_up_to(first + 1, end, sum - c * term.stride)) return true;
    }
    return false;
  }

  /// True if two terms can add up to `sum`. That determines the remainder of a's c modulo `modulus`, and the range of b's c
  /// bounds it too.
  static bool pair_adds_up_to(const Term& a, const Term& b, Wide sum) {
    const std::int64_t divisor = std::gcd(a.stride, b.stride), modulus = b.stride / divisor;
    if (sum % divisor != 0) return false;
    const Wide remainder = modulo(modulo(sum / divisor, modulus) * inverse(a.stride / divisor, modulus), modulus);
    const Wide low = std::max(Wide{a.low}, ceil_divided(sum - Wide{b.high} * b.stride, a.stride)),
               high = std::min(Wide{a.high}, floor_divided(sum - Wide{b.low} * b.stride, a.stride));
    return low + modulo(remainder - low, modulus) <= high;
  }

  static constexpr int most_terms = 2 * max_rank + 1;
  Term terms_[most_terms];
  int count_ = 0;
  Wide least_[most_terms + 1] = {},
                           most_[most_terms + 1] = {};  ///< the least and the largest sum of terms_[k], terms_[k + 1], ...
  int steps_left_ = 1024;                               ///< which take a millisecond or two
};

bool is_mask(const ConstTensorView& view) { return bits_per_element(view.dtype()) < 8; }

/// Bytes that are taken as a whole: those of an element, or of a mask, which is dense.
std::int64_t width(const ConstTensorView& view) {
  return is_mask(view) ? static_cast<std::int64_t>(span_bytes(view)) : bits_per_element(view.dtype()) / 8;
}

}  // namespace

Overlap overlap(const ConstTensorView& a, const ConstTensorView& b) {
  const auto begin_a = reinterpret_cast<std::uintptr_t>(a.data()), begin_b = reinterpret_cast<std::uintptr_t>(b.data());
  if (begin_a >= begin_b + span_bytes(b) || begin_b >= begin_a + span_bytes(a)) return Overlap::none;
  const auto distance = static_cast<std::int64_t>(begin_b - begin_a);
  Terms terms;
  const auto add = [&](const ConstTensorView& view, int sign) {
    const auto add_term = [&](std::int64_t stride, std::int64_t most) {
      terms.add(stride, sign < 0 ? -most : 0, sign < 0 ? 0 : most);
    };
    add_term(1, width(view) - 1);
    for (int axis = 0; !is_mask(view) && axis < view.shape().rank(); ++axis)
      if (view.shape()[axis] > 1) add_term(view.strides()[axis] * width(view), view.shape()[axis] - 1);
  };
  add(a, 1);
  add(b, -1);
  return terms.can_add_up_to(distance);
}

}  // namespace rectify::detail
