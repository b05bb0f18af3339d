// Reads IDX files with zlib, which also reads files that are not compressed.
#include "idx.hpp"

#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace idx {
namespace {

using File = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

[[noreturn]] void reject(const std::string& file, const std::string& why) { throw std::runtime_error(file + ": " + why); }

File open(const std::string& file) {
  errno = 0;
  File opened(gzopen(file.c_str(), "rb"), gzclose);
  if (opened == nullptr) reject(file, std::string("cannot be read: ") + std::strerror(errno));
  return opened;
}

/// Reads exactly `bytes` bytes.
void read(const std::string& name, const File& file, void* to, std::size_t bytes) {
  auto* next = static_cast<unsigned char*>(to);
  while (bytes > 0) {
    const auto wanted = static_cast<unsigned>(bytes < (1u << 30) ? bytes : 1u << 30);
    const int got = gzread(file.get(), next, wanted);
    int code = Z_OK;
    const char* text = gzerror(file.get(), &code);
    if (got < 0 || (code != Z_OK && code != Z_BUF_ERROR)) reject(name, std::string("is damaged: ") + text);
    if (got == 0) reject(name, "is cut short: " + std::to_string(bytes) + " bytes are missing");
    next += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

std::uint32_t read_number(const std::string& name, const File& file) {
  unsigned char b[4];
  read(name, file, b, sizeof b);
  return static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
         static_cast<std::uint32_t>(b[2]) << 8 | b[3];
}

/// Rejects a file that is longer than its header says. zlib verifies the checksum when it reads the end.
void require_end(const std::string& name, const File& file) {
  unsigned char more;
  const int got = gzread(file.get(), &more, 1);
  if (got > 0) reject(name, "is longer than its header says");
  int code = Z_OK;
  const char* text = gzerror(file.get(), &code);
  if (got < 0 || code != Z_OK) reject(name, std::string("is damaged: ") + text);
}

constexpr std::uint32_t magic_of_labels = 2049;  // unsigned bytes, one dimension
constexpr std::uint32_t magic_of_images = 2051;  // unsigned bytes, three dimensions

}  // namespace

Images read_images(const std::string& name) {
  constexpr std::int64_t most_pixels = std::int64_t{1} << 32;
  const File file = open(name);
  const std::uint32_t kind = read_number(name, file);
  if (kind == magic_of_labels) reject(name, "holds labels, not images");
  if (kind != magic_of_images)
    reject(name, "is not an IDX file of images: expected the magic number 2051, got " + std::to_string(kind));
  Images images;
  images.count = read_number(name, file);
  images.rows = read_number(name, file);
  images.cols = read_number(name, file);
  const bool small = images.rows < 65536 && images.cols < 65536;
  const std::int64_t pixels_each = small ? images.rows * images.cols : 0;
  if (images.count == 0 || pixels_each <= 0 || pixels_each > most_pixels / images.count) {
    reject(name, "has a header that makes no sense: " + std::to_string(images.count) + " images of " +
                     std::to_string(images.rows) + " x " + std::to_string(images.cols));
  }
  images.pixels.resize(static_cast<std::size_t>(images.count * pixels_each));
  read(name, file, images.pixels.data(), images.pixels.size());
  require_end(name, file);
  return images;
}

std::vector<unsigned char> read_labels(const std::string& name) {
  const File file = open(name);
  const std::uint32_t kind = read_number(name, file);
  if (kind == magic_of_images) reject(name, "holds images, not labels");
  if (kind != magic_of_labels)
    reject(name, "is not an IDX file of labels: expected the magic number 2049, got " + std::to_string(kind));
  const std::uint32_t count = read_number(name, file);
  constexpr std::uint32_t most = 1u << 28;
  if (count == 0 || count > most) reject(name, "has a header that makes no sense: " + std::to_string(count) + " labels");
  std::vector<unsigned char> labels(count);
  read(name, file, labels.data(), labels.size());
  require_end(name, file);
  return labels;
}

}  // namespace idx
