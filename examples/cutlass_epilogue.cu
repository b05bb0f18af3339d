// EpilogueRelu inside CUTLASS's linear combination: compiled for the device, and run on the host, which needs no GPU. 0: every element
// is that of the definition.
#include "cutlass_epilogue.hpp"

#include <cutlass/epilogue/thread/linear_combination_generic.h>
#include <cutlass/half.h>

#include <cstdio>

using examples::EpilogueRelu;
using rectify::Relu;
using rectify::ReluForward;

constexpr int lanes = 8;
constexpr Relu relu{0.25, -0.5, 6};
template <class Output>
using Epilogue = cutlass::epilogue::thread::LinearCombinationGeneric<EpilogueRelu, Output, lanes, float, float>;
using HalfEpilogue = Epilogue<cutlass::half_t>;

/// What a GEMM of f16 does once its accumulators are done.
__global__ void epilogue_kernel(HalfEpilogue::Params params, const HalfEpilogue::FragmentAccumulator* accumulators,
                                const HalfEpilogue::FragmentOutput* sources, HalfEpilogue::FragmentOutput* outputs) {
  outputs[threadIdx.x] = HalfEpilogue(params)(accumulators[threadIdx.x], sources[threadIdx.x]);
}

/// Accumulators -4 to 3 and a C of 0.5, through the class that a GEMM calls.
static int differences_in_float() {
  Epilogue<float>::Params params(2.0f, 1.0f);  // CUTLASS's alpha and beta: alpha * accumulator + beta * C
  params.f = ReluForward<float>(relu);
  cutlass::Array<float, lanes> accumulators, sources;
  for (int i = 0; i < lanes; ++i) {
    accumulators[i] = static_cast<float>(i - 4);
    sources[i] = 0.5f;
  }
  const cutlass::Array<float, lanes> outputs = Epilogue<float>(params)(accumulators, sources);
  int differences = 0;
  for (int i = 0; i < lanes; ++i) differences += outputs[i] == rectify::value(relu, 2.0f * accumulators[i] + 0.5f) ? 0 : 1;
  return differences;
}

/// Where the epilogue computes in CUTLASS's own half: ReluForward needs no more than casts to and from float.
static int differences_in_half() {
  const EpilogueRelu<cutlass::half_t>::Arguments arguments{ReluForward<cutlass::half_t>(relu)};
  const float got(EpilogueRelu<cutlass::half_t>()(cutlass::half_t(-3.0f), arguments));
  return got == rectify::value(relu, -3.0f) ? 0 : 1;
}

int main() {
  const int differences = differences_in_float() + differences_in_half();
  std::printf("cutlass epilogue: %d differences\n", differences);
  return differences == 0 ? 0 : 1;
}
