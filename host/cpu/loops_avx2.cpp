// The loops for AVX2, FMA and F16C (loop_body.hpp), with the flags of cmake/RectifyCpu.cmake.
#define RECTIFY_CPU_ISA avx2
#include "loop_body.hpp"
