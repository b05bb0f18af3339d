// Includes the whole C++ interface but dlpack.hpp: the function, its presets, views of tensors, and forward and backward.
#pragma once

#include <rectify/error.hpp>
#include <rectify/ops.hpp>
#include <rectify/presets.hpp>
#include <rectify/relu.hpp>
#include <rectify/tensor_view.hpp>
