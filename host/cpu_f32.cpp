// The CPU backend's loops in f32.
#include "cpu_run.hpp"

namespace rectify::detail {

template void cpu_forward<float>(const Elementwise&);
template void cpu_backward<float>(const Elementwise&);

}  // namespace rectify::detail
