// Files that programs write: complete or not at all, and known to be writable before the work begins.
#pragma once

#include <string>

namespace rectify::harness {

/// Writes beside the file and renames, so that an older file stays until the new one is complete. Devices, pipes and symbolic
/// links are written directly. Throws std::runtime_error naming the file and the reason.
void write_file(const std::string& file, const std::string& contents);

/// Throws std::runtime_error, as write_file() would, if the file cannot be written. It leaves the file as it is.
void require_writable(const std::string& file);

}  // namespace rectify::harness
