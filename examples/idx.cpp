// Reads IDX files with zlib, which also reads files that are not compressed.
#include "idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <stdexcept>

namespace idx {
namespace {

[[noreturn]] void reject(const std::string& file, const std::string& why) { throw std::runtime_error(file + ": " + why); }

std::uint32_t number_of(const unsigned char* b) {
  return static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
         static_cast<std::uint32_t>(b[2]) << 8 | b[3];
}

class File {
 public:
  explicit File(const std::string& name) : name_(name), file_(nullptr, gzclose) {
    errno = 0;
    file_.reset(gzopen(name.c_str(), "rb"));
    if (file_ == nullptr) reject(name, std::string("cannot be read: ") + std::strerror(errno));
  }

  std::uint32_t number() { return number_of(bytes(4).data()); }

  /// Reads exactly `count` bytes. Memory grows with what is read, because a header may claim more than there is.
  std::vector<unsigned char> bytes(std::size_t count) {
    constexpr std::size_t piece = 1 << 20;
    std::vector<unsigned char> all;
    try {
      while (all.size() < count) {
        const std::size_t done = all.size();
        all.resize(std::min(count, done + piece));
        const std::size_t got = read(all.data() + done, all.size() - done);
        if (got == 0) reject(name_, "is cut short: " + std::to_string(count - done) + " bytes are missing");
        all.resize(done + got);
      }
    } catch (const std::bad_alloc&) {
      reject(name_, "does not fit into memory: it holds " + std::to_string(count) + " bytes");
    }
    return all;
  }

  /// zlib checks the checksum when it meets the end, but ignores what comes after it. The end of a gzip file is the size of its
  /// contents, so another end shows that there is more.
  void require_end() {
    unsigned char more = 0, end[4] = {};
    if (read(&more, 1) > 0) reject(name_, "is longer than its header says");
    if (gzdirect(file_.get()) != 0 || !std::filesystem::is_regular_file(name_)) return;  // a pipe cannot be read twice
    std::ifstream file(name_, std::ios::binary);
    file.seekg(-4, std::ios::end).read(reinterpret_cast<char*>(end), 4);
    std::reverse(end, end + 4);
    if (number_of(end) != static_cast<std::uint32_t>(total_))
      reject(name_, "has other data after its compressed data, or is compressed in several parts");
  }

 private:
  std::size_t read(unsigned char* to, std::size_t most) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(most));
    int code = Z_OK;
    const char* const text = gzerror(file_.get(), &code);
    if (code == Z_ERRNO) reject(name_, std::string("cannot be read: ") + std::strerror(errno));
    if (got < 0 || (code != Z_OK && code != Z_BUF_ERROR)) reject(name_, std::string("is damaged: ") + text);
    total_ += static_cast<std::size_t>(got);
    return static_cast<std::size_t>(got);
  }

  std::string name_;
  std::size_t total_ = 0;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

constexpr std::uint32_t magic_of_labels = 2049;  // unsigned bytes, one dimension
constexpr std::uint32_t magic_of_images = 2051;  // unsigned bytes, three dimensions

/// The file as it is or gzipped: Debian's package has the second, downloads are often unpacked to the first.
std::string find(const std::string& folder, const std::string& name) {
  const std::string plain = folder + "/" + name, gzipped = plain + ".gz";
  if (std::filesystem::exists(gzipped)) return gzipped;
  if (std::filesystem::exists(plain)) return plain;
  reject(gzipped, "no such file, and none without .gz (Debian's package dataset-fashion-mnist contains it)");
}

}  // namespace

Images read_images(const std::string& name) {
  File file(name);
  const std::uint32_t kind = file.number();
  if (kind == magic_of_labels) reject(name, "holds labels, not images");
  if (kind != magic_of_images)
    reject(name, "is not an IDX file of images: expected the magic number 2051, got " + std::to_string(kind));
  Images images;
  images.count = file.number();
  images.rows = file.number();
  images.cols = file.number();
  constexpr std::int64_t most_pixels = std::int64_t{1} << 32;
  const bool small = images.rows < 65536 && images.cols < 65536;
  const std::int64_t pixels_each = small ? images.rows * images.cols : 0;
  if (images.count == 0 || pixels_each <= 0 || pixels_each > most_pixels / images.count) {
    reject(name, "has a header that makes no sense: " + std::to_string(images.count) + " images of " +
                     std::to_string(images.rows) + " x " + std::to_string(images.cols));
  }
  images.pixels = file.bytes(static_cast<std::size_t>(images.count * pixels_each));
  file.require_end();
  return images;
}

std::vector<unsigned char> read_labels(const std::string& name) {
  File file(name);
  const std::uint32_t kind = file.number();
  if (kind == magic_of_images) reject(name, "holds images, not labels");
  if (kind != magic_of_labels)
    reject(name, "is not an IDX file of labels: expected the magic number 2049, got " + std::to_string(kind));
  const std::uint32_t count = file.number();
  if (count == 0) reject(name, "holds no labels");
  std::vector<unsigned char> labels = file.bytes(count);
  file.require_end();
  return labels;
}

Labelled read_training(const std::string& folder) {
  const std::string file = find(folder, "train-labels-idx1-ubyte");
  Labelled all{read_images(find(folder, "train-images-idx3-ubyte")), read_labels(file)};
  const auto count = static_cast<std::int64_t>(all.labels.size());
  if (count != all.count) reject(file, std::to_string(count) + " labels, but " + std::to_string(all.count) + " images");
  const auto wrong = std::find_if(all.labels.begin(), all.labels.end(), [](unsigned char label) { return label > 9; });
  if (wrong != all.labels.end()) {
    reject(file, "the label of image " + std::to_string(wrong - all.labels.begin()) + " is " + std::to_string(*wrong) +
                     ", expected 0 to 9");
  }
  return all;
}

}  // namespace idx
