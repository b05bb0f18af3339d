// The CPU backend's loops in f64.
#include "cpu_run.hpp"

namespace rectify::detail {

template void cpu_forward<double>(const Elementwise&);
template void cpu_backward<double>(const Elementwise&);

}  // namespace rectify::detail
