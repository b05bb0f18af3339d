// The CPU backend's loops for the instruction set that every machine of the architecture has.
#include "loop_body.hpp"
