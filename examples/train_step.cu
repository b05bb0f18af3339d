// The smallest use of rectify in existing training code: one layer y = leaky_relu(x W + b), forward and backward, with cuBLAS
// on the same stream. The bias, the function and the mask are one pass, and so are dx and dbias. Prints OK if the results are
// the expected ones. Without a GPU the exit status is 77, which ctest counts as skipped.
#include <rectify/rectify.hpp>

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <thrust/device_vector.h>
#include <thrust/fill.h>

#include <cmath>
#include <cstdio>

int main() {
  using namespace rectify;
  if (!cuda_available()) return std::puts("no GPU"), 77;
  constexpr int batch = 256, inputs = 96, outputs = 128;
  const Relu f = presets::torch::leaky_relu();
  const auto raw = [](auto& vector) { return thrust::raw_pointer_cast(vector.data()); };

  thrust::device_vector<float> x(batch * inputs, 0.5f), w(inputs * outputs, 0.25f), b(outputs, -13.0f), y(batch * outputs);
  thrust::fill(b.begin(), b.begin() + outputs / 2, 1.0f);  // z = x W + b is 13 in half of the channels and -1 in the others
  thrust::device_vector<float> dy(batch * outputs, 2.0f), dw(inputs * outputs), db(outputs);
  thrust::device_vector<unsigned char> mask(mask_bytes(DType::u1, {batch, outputs}));
  cudaStream_t stream;
  cublasHandle_t blas;
  cudaStreamCreate(&stream);
  cublasCreate(&blas);
  cublasSetStream(blas, stream);
  cudaDeviceSynchronize();  // because the vectors were filled on another stream

  // begin: quoted in docs/training-loop.md
  const float one = 1, zero = 0;
  Forward forward_call;
  forward_call.x = TensorView(raw(y), {batch, outputs}, Device::cuda(0));  // the product; y overwrites it
  forward_call.bias = ConstTensorView(raw(b), {outputs}, Device::cuda(0));
  forward_call.y = TensorView(raw(y), {batch, outputs}, Device::cuda(0));
  forward_call.mask = TensorView(raw(mask), DType::u1, {batch, outputs}, Device::cuda(0));
  Backward backward_call;
  backward_call.dy = backward_call.dx = TensorView(raw(dy), {batch, outputs}, Device::cuda(0));
  backward_call.mask = forward_call.mask;
  backward_call.dbias = TensorView(raw(db), {outputs}, Device::cuda(0));
  thrust::device_vector<unsigned char> workspace(workspace_bytes(f, backward_call));
  backward_call.workspace = {raw(workspace), workspace.size()};

  cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, outputs, batch, inputs, &one, raw(w), outputs, raw(x), inputs, &zero, raw(y),
              outputs);
  forward(f, forward_call, stream);    // y = f(x W + b), and one bit per element
  backward(f, backward_call, stream);  // dz overwrites dy; and db
  cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_T, outputs, inputs, batch, &one, raw(dy), outputs, raw(x), inputs, &zero, raw(dw),
              outputs);
  // end

  cudaStreamSynchronize(stream);
  const bool right = y[0] == 13 && y[outputs - 1] == -0.01f && db[0] == 2 * batch && dw[0] == batch &&
                     std::fabs(db[outputs - 1] - 0.02f * batch) < 1e-4f && std::fabs(dw[outputs - 1] - 0.01f * batch) < 1e-4f;
  cublasDestroy(blas);
  cudaStreamDestroy(stream);
  return std::puts(right ? "OK" : "WRONG"), right ? 0 : 1;
}
