// The C ABI from C11, as a C caller writes it: a forward with a bias and a mask, the backward from that mask with its sum, and
// an error.
#include <rectify/rectify.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is compiled into callers, and can never move.
_Static_assert(sizeof(rectify_relu) == 24 && sizeof(rectify_tensor) == 160, "the ABI");
_Static_assert(offsetof(rectify_tensor, layout) == 24 && offsetof(rectify_tensor, strides) == 96, "the ABI");
_Static_assert(offsetof(rectify_forward_operands, x) == 16 && offsetof(rectify_forward_operands, mask) == 1296, "the ABI");
_Static_assert(offsetof(rectify_backward_operands, dx) == 1616 && offsetof(rectify_backward_operands, workspace) == 2736,
               "the ABI");
// Where the first version of each ends.
_Static_assert(offsetof(rectify_forward_operands, gain) == 1456 && sizeof(rectify_forward_operands) == 1464, "the ABI");
_Static_assert(offsetof(rectify_backward_operands, gain) == 2752 && sizeof(rectify_backward_operands) == 2768, "the ABI");

static int failures = 0;

static void expect(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "%s: %s\n", what, rectify_last_error());
  ++failures;
}

static rectify_tensor floats(float* data) {
  return (rectify_tensor){.data = data, .dtype = RECTIFY_F32, .rank = 2, .shape = {2, 3}};
}
static rectify_tensor channels(float* data) {
  return (rectify_tensor){.data = data, .dtype = RECTIFY_F32, .rank = 1, .shape = {3}};
}

static const rectify_relu relu = RECTIFY_RELU_INIT;

static void forward(float* x, float* bias, float* y, rectify_tensor mask) {
  const float expected[6] = {0, 2, 3, 4, 0, 6};
  rectify_forward_operands operands = {RECTIFY_FORWARD_INIT, .x = floats(x), .bias = channels(bias)};
  int32_t dtype = 0;
  size_t bytes = 0;
  expect(rectify_mask_dtype(&relu, &operands, &dtype) == RECTIFY_OK && dtype == RECTIFY_U1, "mask_dtype");
  expect(rectify_mask_bytes(dtype, mask.shape, mask.rank, &bytes) == RECTIFY_OK && bytes == 1, "mask_bytes");
  operands.y = floats(y);
  operands.mask = mask;
  expect(rectify_forward(&relu, &operands, NULL) == RECTIFY_OK, "forward");
  expect(memcmp(y, expected, sizeof expected) == 0, "y");
  expect(*(unsigned char*)mask.data == 0x2e, "mask");  // 0, 1, 1, 1, 0, 1 from the lowest bit up
}

static void backward(float* dy, rectify_tensor mask) {
  const float expected[6] = {0, 1, 1, 1, 0, 1}, expected_sums[3] = {1, 1, 2};
  float dx[6], dbias[3];
  rectify_backward_operands operands = {RECTIFY_BACKWARD_INIT, .dy = floats(dy), .mask = mask, .dx = floats(dx),
                                        .dbias = channels(dbias)};
  expect(rectify_workspace_bytes(&relu, &operands, &operands.workspace_bytes) == RECTIFY_OK, "workspace_bytes");
  expect(operands.workspace_bytes > 0, "a sum needs a workspace");
  operands.workspace_bytes = (operands.workspace_bytes + 255) / 256 * 256;
  operands.workspace = aligned_alloc(256, operands.workspace_bytes);
  expect(rectify_backward(&relu, &operands, NULL) == RECTIFY_OK, "backward");
  free(operands.workspace);
  expect(memcmp(dx, expected, sizeof expected) == 0, "dx");
  expect(memcmp(dbias, expected_sums, sizeof expected_sums) == 0, "dbias");
}

int main(void) {
  float x[6] = {-2, 1, 2, 3, -3, 5}, bias[3] = {1, 1, 1}, dy[6] = {1, 1, 1, 1, 1, 1}, y[6];
  unsigned char bits = 0xff;
  const rectify_tensor mask = {.data = &bits, .dtype = RECTIFY_U1, .rank = 2, .shape = {2, 3}};
  forward(x, bias, y, mask);
  backward(dy, mask);
  expect(rectify_last_error()[0] == '\0', "no error after success");
  expect(rectify_forward(&relu, NULL, NULL) == RECTIFY_INVALID_ARGUMENT, "null is rejected");
  expect(strstr(rectify_last_error(), "operands") != NULL, "the text names it");
  expect(rectify_version() == RECTIFY_VERSION && RECTIFY_VERSION == EXPECTED_VERSION, "one version everywhere");
  return failures;
}
