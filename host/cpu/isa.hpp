// Which loops a machine runs.
#pragma once

#include "loop.hpp"

namespace rectify::detail {

/// The loops of the widest instruction set that this machine has and RECTIFY_MAX_CPU_ISA (baseline, avx2, avx512) allows. The results are
/// the same bits with all of them: contraction is off, and every step rounds alike in any width.
template <class T>
Loops<T> loops_of_this_machine();

}  // namespace rectify::detail
