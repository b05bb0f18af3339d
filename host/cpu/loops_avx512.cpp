// The loops for AVX-512 F, BW, DQ and VL (loop_body.hpp), with the flags of cmake/RectifyCpu.cmake.
#define RECTIFY_CPU_ISA avx512
#include "loop_body.hpp"
