// What timing.cpp chooses from. timing_no_cuda.cpp replaces the functions of CUDA in a build without it.
#pragma once

#include "ceiling.hpp"
#include "timing.hpp"

namespace rectify::harness {

std::vector<Mover> cpu_movers(const std::vector<Stream>& streams);
std::vector<Mover> cuda_movers(const std::vector<Stream>& streams);
std::function<Duration()> cuda_stopwatch(const Work& work, bool as_graph);

}  // namespace rectify::harness
