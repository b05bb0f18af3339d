// The run as a picture: accuracy and loss against alpha, and the learning curves.
#pragma once

#include "report.hpp"

#include <string>

namespace tune {

/// An SVG document.
std::string chart(const Report& report);

}  // namespace tune
