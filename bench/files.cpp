// Every process writes to a file of its own and renames it, so two of them do not disturb each other.
#include "files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>

namespace rectify::harness {
namespace {

void require(int error, const std::string& file) {
  if (error != 0) throw std::runtime_error(file + ": cannot be written: " + std::strerror(error));
}

/// Returns 0 or errno.
int write_directly(const std::string& file, const std::string& contents) {
  errno = 0;
  std::ofstream out(file, std::ios::binary);
  out << contents;
  out.close();
  return out ? 0 : errno != 0 ? errno : EIO;
}

/// Writes a new file beside the target and renames it, or removes it if it was only a test. Its name is random, because another
/// process may be writing the same target. Returns 0 or errno.
int write_beside(const std::string& file, const std::string& contents, bool rename) {
  std::random_device random;
  const std::string beside = file + "." + std::to_string(random()) + std::to_string(random()) + ".part";
  int error = write_directly(beside, contents);
  if (error == 0 && rename && std::rename(beside.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0 || !rename) std::remove(beside.c_str());
  return error;
}

/// Devices and pipes, and links, which may lead to them.
bool is_special(const std::string& file) {
  std::error_code none;
  const auto type = std::filesystem::symlink_status(file, none).type();
  return type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found;
}

}  // namespace

void write_file(const std::string& file, const std::string& contents) {
  require(is_special(file) ? write_directly(file, contents) : write_beside(file, contents, true), file);
}

void require_writable(const std::string& file) {
  std::error_code none;
  const bool folder = std::filesystem::is_directory(file, none);
  require(folder ? EISDIR : is_special(file) ? 0 : write_beside(file, "", false), file);
}

}  // namespace rectify::harness
