// The CPU backend's loops for AVX2, FMA and F16C.
#include "loop_body.hpp"
