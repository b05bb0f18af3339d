// Values of options, checked with errors of one line that say what is wrong.
#pragma once

#include <rectify/tensor_view.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace rectify::bench {

/// One of these names. `hint` ends the error.
CLI::Validator one_of(const std::vector<std::string>& names, const std::string& hint);
/// A finite number of at least `least`. `what` completes "must be ...".
CLI::Validator finite(double least, const std::string& what);
/// "5%" as 0.05.
CLI::Validator fraction();
/// "64K" as 65536.
CLI::Validator size_in_bytes();

/// "8192x1024"; "nx1024" with an extent of 0. Throws CLI::ValidationError.
Shape shape_of(const std::string& text);

}  // namespace rectify::bench
