// The movers with the vectors of this instruction set.
#define RECTIFY_TRAFFIC avx512
#include "traffic_body.hpp"
