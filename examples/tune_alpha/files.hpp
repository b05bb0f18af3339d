// Files that are whole or not there.
#pragma once

#include <string>

namespace tune {

/// Writes beside the file and renames, so that an older one stays until the new one is complete; devices and pipes are written as
/// they are. Throws std::runtime_error naming the file and why.
void write_file(const std::string& file, const std::string& contents);

/// Throws std::runtime_error naming the file and why.
std::string read_file(const std::string& file);

}  // namespace tune
