#define RECTIFY_CPU_ISA avx2
#include "loop_body.hpp"
