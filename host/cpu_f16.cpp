// The CPU backend's loops in f16.
#include "cpu_run.hpp"

namespace rectify::detail {

template void cpu_forward<f16>(const Elementwise&);
template void cpu_backward<f16>(const Elementwise&);

}  // namespace rectify::detail
