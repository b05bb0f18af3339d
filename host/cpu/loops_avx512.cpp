// The CPU backend's loops for AVX-512 (F, BW, DQ, VL).
#include "loop_body.hpp"
