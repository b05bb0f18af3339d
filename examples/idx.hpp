// Reads images and labels of IDX files, the format of MNIST and Fashion-MNIST, gzipped or not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace idx {

struct Images {
  std::int64_t count = 0, rows = 0, cols = 0;
  std::vector<unsigned char> pixels;  ///< count x rows x cols, 0 to 255
};

/// Throws std::runtime_error naming the file, and what is wrong with it: missing, not IDX, of another kind, damaged, cut short.
Images read_images(const std::string& file);

/// One number, 0 to 255, for each image. Throws as read_images.
std::vector<unsigned char> read_labels(const std::string& file);

}  // namespace idx
