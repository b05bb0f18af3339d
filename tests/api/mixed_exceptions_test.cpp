// Invalid parameters throw in this file, although it is linked after a file that is compiled without exceptions and uses the same inline
// functions of the headers.
#include <rectify/rectify.hpp>

#if __has_include(<dlpack/dlpack.h>)
#include <rectify/dlpack.hpp>
#endif

/// Defined in the other file.
float leaky(float x);

namespace {

template <class F>
int throws(const F& f) {
  try {
    f();
  } catch (const rectify::Error&) {
    return 0;
  }
  return 1;
}

}  // namespace

int main() {
  const rectify::Relu wrong{0, 2, 1};
  int failures = leaky(2) == 2.0f ? 0 : 1;
  failures += throws([&] { rectify::ReluForward<float> f(wrong); });
  failures += throws([&] { rectify::ReluBackward<float> f(wrong); });
  failures += throws([&] { rectify::value(wrong, 1.0f); });
  failures += throws([&] { rectify::slope(wrong, 1.0f); });
#if __has_include(<dlpack/dlpack.h>)
  DLTensor tensor{};
  tensor.ndim = 9;
  failures += throws([&] { rectify::view_of(tensor); });
#endif
  return failures;
}
