// Files by way of idx; everything random by the seed and by what it is for, so that a run can go on from anywhere.
#include "data.hpp"

#include "idx.hpp"
#include "random.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <stdexcept>

namespace tune {
namespace {

enum Purpose : std::uint32_t { split = 1, epoch_order = 2 };

/// The file as it is or gzipped: Debian ships the second, most downloads are unpacked to the first.
std::string find(const std::string& folder, const std::string& name) {
  std::string plain = folder + "/" + name, gzipped = plain + ".gz";
  if (std::filesystem::exists(gzipped)) return gzipped;
  if (std::filesystem::exists(plain)) return plain;
  throw std::runtime_error(gzipped +
                           ": no such file, and none without .gz (Debian's package dataset-fashion-mnist has it; --data "
                           "names another folder)");
}

void standardise(Dataset& data) {
  double counts[256] = {};
  for (const unsigned char pixel : data.images) ++counts[pixel];
  const double all = static_cast<double>(data.images.size());
  double mean = 0, variance = 0;
  for (int p = 0; p < 256; ++p) mean += p * counts[p] / all;
  for (int p = 0; p < 256; ++p) variance += (p - mean) * (p - mean) * counts[p] / all;
  data.mean = static_cast<float>(mean);
  data.scale = static_cast<float>(variance > 0 ? 1 / std::sqrt(variance) : 1);
}

std::vector<std::int32_t> numbers(std::int64_t count) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

Dataset dataset(const std::string& name, std::int64_t pixels, std::vector<unsigned char> images,
                std::vector<unsigned char> labels) {
  Dataset data;
  data.count = static_cast<std::int64_t>(labels.size());
  data.pixels = pixels;
  if (static_cast<std::int64_t>(images.size()) != data.count * pixels) {
    throw std::runtime_error(name + ": " + std::to_string(labels.size()) + " labels, but " +
                             std::to_string(static_cast<std::int64_t>(images.size()) / pixels) + " images");
  }
  const auto wrong = std::find_if(labels.begin(), labels.end(), [](unsigned char label) { return label >= classes; });
  if (wrong != labels.end()) {
    throw std::runtime_error(name + ": the label of image " + std::to_string(wrong - labels.begin()) + " is " +
                             std::to_string(*wrong) + ", expected 0 to 9");
  }
  data.images = std::move(images);
  data.labels = std::move(labels);
  standardise(data);
  return data;
}

Dataset load(const Settings& settings) {
  const std::string file = find(settings.data, "train-labels-idx1-ubyte");
  idx::Images images = idx::read_images(find(settings.data, "train-images-idx3-ubyte"));
  std::vector<unsigned char> labels = idx::read_labels(file);
  if (static_cast<std::int64_t>(labels.size()) != images.count) {
    throw std::runtime_error(file + ": " + std::to_string(labels.size()) + " labels, but " + std::to_string(images.count) +
                             " images");
  }
  const std::int64_t pixels = images.rows * images.cols, count = std::min(settings.images, images.count);
  images.pixels.resize(static_cast<std::size_t>(count * pixels));
  labels.resize(static_cast<std::size_t>(count));
  return dataset(file, pixels, std::move(images.pixels), std::move(labels));
}

std::uint32_t checksum(const Dataset& data) {
  const auto crc = crc32_z(0, data.images.data(), data.images.size());
  return static_cast<std::uint32_t>(crc32_z(crc, data.labels.data(), data.labels.size()));
}

Folds::Folds(const Settings& settings, std::int64_t images)
    : folds_(settings.folds),
      seeds_(settings.seeds),
      batch_(settings.batch),
      images_(images),
      seed_(settings.seed),
      shuffled_(numbers(images)) {
  if (training_steps() == 0 || images < folds_) {
    throw std::runtime_error(std::to_string(images) + " images in " + std::to_string(folds_) +
                             " folds do not fill one batch of " + std::to_string(batch_));
  }
  Random(seed_, {split}).shuffle(shuffled_);
}

/// Of the largest fold, so that all runs take as many.
std::int64_t Folds::training_steps() const {
  const std::int64_t largest_fold = (images_ + folds_ - 1) / folds_;
  return (images_ - largest_fold) / batch_;
}

Order Folds::training(int epoch) const {
  Order order;
  order.steps = training_steps();
  order.images.resize(static_cast<std::size_t>(order.steps * runs() * batch_));
  for (int run = 0; run < runs(); ++run) {
    const std::int64_t from = begin(fold_of(run)), to = begin(fold_of(run) + 1);
    std::vector<std::int32_t> mine(shuffled_.begin(), shuffled_.begin() + from);
    mine.insert(mine.end(), shuffled_.begin() + to, shuffled_.end());
    Random(seed_, {epoch_order, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(run)}).shuffle(mine);
    for (std::int64_t step = 0; step < order.steps; ++step)
      std::copy_n(mine.begin() + step * batch_, batch_, order.images.begin() + (step * runs() + run) * batch_);
  }
  return order;
}

Order Folds::validation() const {
  Order order;
  const std::int64_t largest_fold = (images_ + folds_ - 1) / folds_;
  order.steps = (largest_fold + batch_ - 1) / batch_;
  order.images.assign(static_cast<std::size_t>(order.steps * runs() * batch_), -1);
  for (int run = 0; run < runs(); ++run) {
    const std::int64_t from = begin(fold_of(run)), to = begin(fold_of(run) + 1);
    for (std::int64_t i = from; i < to; ++i) {
      const std::int64_t step = (i - from) / batch_, row = (i - from) % batch_;
      order.images[static_cast<std::size_t>((step * runs() + run) * batch_ + row)] = shuffled_[static_cast<std::size_t>(i)];
    }
  }
  return order;
}

}  // namespace tune
