// Reads images and labels from IDX files, the format of MNIST and Fashion-MNIST. The files may be gzipped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace idx {

struct Images {
  std::int64_t count = 0, rows = 0, cols = 0;
  std::vector<unsigned char> pixels;  ///< count x rows x cols, 0 to 255
};

/// Throws std::runtime_error with the name of the file and the reason, if the file is missing, damaged, incomplete, or not an
/// IDX file of images. Allocates no more memory than the file can fill.
Images read_images(const std::string& file);

/// A label from 0 to 255 for each image. Throws like read_images.
std::vector<unsigned char> read_labels(const std::string& file);

struct Labelled : Images {
  std::vector<unsigned char> labels;  ///< 0 to 9, one for each image
};

/// Reads train-images-idx3-ubyte and train-labels-idx1-ubyte of a folder, with .gz or without. Throws like read_images, and if
/// they do not belong together.
Labelled read_training(const std::string& folder);

}  // namespace idx
