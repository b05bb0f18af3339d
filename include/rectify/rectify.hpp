// Everything: the function, its presets, views, and the two verbs.
#pragma once

#include <rectify/error.hpp>
#include <rectify/ops.hpp>
#include <rectify/presets.hpp>
#include <rectify/relu.hpp>
#include <rectify/tensor_view.hpp>
