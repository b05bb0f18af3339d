// The loops for any x86-64 or aarch64 machine (loop_body.hpp).
#define RECTIFY_CPU_ISA baseline
#include "loop_body.hpp"
