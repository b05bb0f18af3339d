#define RECTIFY_CPU_ISA baseline
#include "loop_body.hpp"
