// What timing.cpp chooses from. timing_no_cuda.cpp replaces the functions of CUDA in a build without it.
#pragma once

#include "ceiling.hpp"
#include "timing.hpp"

namespace rectify::harness {

/// True if a memcpy can move them: one is read, another of the same size is written.
inline bool is_copy(const std::vector<Stream>& streams) {
  return streams.size() == 2 && streams[0].is_written != streams[1].is_written && streams[0].bytes == streams[1].bytes &&
         streams[0].data != streams[1].data;
}

std::vector<Mover> cpu_movers(const std::vector<Stream>& streams);
std::vector<Mover> cuda_movers(const std::vector<Stream>& streams);
std::function<Duration()> cuda_stopwatch(const Work& work, bool as_graph);

}  // namespace rectify::harness
