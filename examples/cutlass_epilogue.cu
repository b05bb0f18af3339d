// Uses EpilogueRelu in CUTLASS's LinearCombinationGeneric. It is compiled for the device, but run on the host, so no GPU is
// needed. Exit status: 0 if every element is as expected, else 1.
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

/// The last step of an f16 GEMM: the epilogue of its accumulators. Only compiled.
__global__ void epilogue_kernel(HalfEpilogue::Params params, const HalfEpilogue::FragmentAccumulator* accumulators,
                                const HalfEpilogue::FragmentOutput* sources, HalfEpilogue::FragmentOutput* outputs) {
  outputs[threadIdx.x] = HalfEpilogue(params)(accumulators[threadIdx.x], sources[threadIdx.x]);
}

/// Runs the class that a GEMM calls, for accumulators -4 to 3 and a C of 0.5.
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

/// An epilogue that computes in CUTLASS's half type. ReluForward requires only casts to and from float.
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
