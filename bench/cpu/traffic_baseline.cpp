// The movers with the vectors of this instruction set.
#define RECTIFY_TRAFFIC baseline
#include "traffic_body.hpp"
