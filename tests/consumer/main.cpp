// The smallest use. NaN must come through although this project is compiled with fast math.
#include <rectify/rectify.hpp>

#include <cstring>

int main() {
  float x[3] = {-1.0f, 2.0f, 0.0f};
  const unsigned nan = 0x7fc00000u;
  std::memcpy(&x[2], &nan, sizeof nan);
  const rectify::TensorView all(x, {3}, rectify::Device::cpu());
  rectify::forward(rectify::relu6(), all, all);
  unsigned third;
  std::memcpy(&third, &x[2], sizeof third);
  return x[0] == 0.0f && x[1] == 2.0f && (third & 0x7fffffffu) > 0x7f800000u ? 0 : 1;
}
