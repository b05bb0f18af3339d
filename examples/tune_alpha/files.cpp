// C's files, because their errors carry errno.
#include "files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>

namespace tune {
namespace {

[[noreturn]] void refuse(const std::string& file, const char* what, int error) {
  throw std::runtime_error(file + ": cannot be " + what + ": " + std::strerror(error));
}

/// 0, or errno. Data reaches the disk at the latest when the file is closed, and may fail there.
int write_all(const std::string& file, const std::string& contents) {
  std::FILE* const out = std::fopen(file.c_str(), "wb");
  if (out == nullptr) return errno;
  const bool written = std::fwrite(contents.data(), 1, contents.size(), out) == contents.size() && std::fflush(out) == 0;
  const int error = written ? 0 : errno;
  return std::fclose(out) == 0 ? error : error != 0 ? error : errno;
}

}  // namespace

void write_file(const std::string& file, const std::string& contents) {
  std::error_code unknown;
  const auto type = std::filesystem::status(file, unknown).type();
  const bool in_place = type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found;
  const std::string first = in_place ? file : file + ".part";
  int error = write_all(first, contents);
  if (error == 0 && !in_place && std::rename(first.c_str(), file.c_str()) != 0) error = errno;
  if (error == 0) return;
  if (!in_place) std::remove(first.c_str());
  refuse(file, "written", error);
}

std::string read_file(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rb"), std::fclose);
  if (in == nullptr) refuse(file, "read", errno);
  std::string all;
  char some[1 << 16];
  while (const std::size_t got = std::fread(some, 1, sizeof some, in.get())) all.append(some, got);
  if (std::ferror(in.get()) != 0) refuse(file, "read", errno);
  return all;
}

}  // namespace tune
