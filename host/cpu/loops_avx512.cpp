#define RECTIFY_CPU_ISA avx512
#include "loop_body.hpp"
