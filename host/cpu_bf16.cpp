// The CPU backend's loops in bf16.
#include "cpu_run.hpp"

namespace rectify::detail {

template void cpu_forward<bf16>(const Elementwise&);
template void cpu_backward<bf16>(const Elementwise&);

}  // namespace rectify::detail
