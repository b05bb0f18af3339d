// Replaces gpu/stopwatch.cu and gpu/movers.cu in a build without CUDA.
#include "devices.hpp"

#include <stdexcept>

namespace rectify::harness {

std::vector<Mover> cuda_movers(const std::vector<Stream>&) { throw std::logic_error("built without CUDA"); }
std::function<Duration()> cuda_stopwatch(const Work&, bool) { throw std::logic_error("built without CUDA"); }

}  // namespace rectify::harness
