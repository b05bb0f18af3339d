// The functions that XLA calls for rectify.jax: rectify::forward and rectify::backward on the CPU and on CUDA.
//
// Operands and results are those that the call has of core/operand_table.hpp, in its order; of backward, the last result is the
// workspace. vmap adds axes in front of all of them. In an operand that is the same for all examples their extent is 1.
// Attributes, of 64 bits each:
//     alpha, threshold, max_value, gain   numbers
//     channel_axis                        an axis of x (dy), counted without those of vmap
//     rank                                that of x (dy) without the axes of vmap
//     present                             a bit for each row of the table
//     mask_bits                           of an element in a mask; 0 without one
#pragma once

#include <Python.h>

namespace rectify::python {

/// xla_functions(): a capsule for each of the names "rectify_forward" and "rectify_backward", and each of XLA's platforms "cpu"
/// and "CUDA": a dict with the keys (name, platform).
PyObject* xla_functions(PyObject* module, PyObject*);

}  // namespace rectify::python
