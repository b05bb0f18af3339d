// The order of the images follows from the seed alone.
#include "data.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace tune {
namespace {

void standardise(Dataset& data) {
  double counts[256] = {}, mean = 0, variance = 0;
  for (const unsigned char pixel : data.images) ++counts[pixel];
  const double all = static_cast<double>(data.images.size());
  for (int p = 0; p < 256; ++p) mean += p * counts[p] / all;
  for (int p = 0; p < 256; ++p) variance += (p - mean) * (p - mean) * counts[p] / all;
  data.mean = static_cast<float>(mean);
  data.scale = static_cast<float>(variance > 0 ? 1 / std::sqrt(variance) : 1);
}

}  // namespace

Dataset dataset(idx::Labelled images, std::int64_t most) {
  const std::size_t count = static_cast<std::size_t>(std::min(images.count, most));
  Dataset data{images.rows * images.cols, std::move(images.pixels), std::move(images.labels)};
  data.labels.resize(count);
  data.images.resize(count * static_cast<std::size_t>(data.pixels));
  standardise(data);
  return data;
}

std::uint32_t checksum(const Dataset& data) {
  const auto crc = crc32_z(0, data.images.data(), data.images.size());
  return static_cast<std::uint32_t>(crc32_z(crc, data.labels.data(), data.labels.size()));
}

Random::Random(std::int64_t seed, std::vector<std::uint32_t> purpose) {
  purpose.push_back(static_cast<std::uint32_t>(seed));
  purpose.push_back(static_cast<std::uint32_t>(seed >> 32));
  std::seed_seq sequence(purpose.begin(), purpose.end());
  engine_.seed(sequence);
}

void Random::shuffle(std::vector<std::int32_t>& values) {
  for (std::size_t left = values.size(); left > 1; --left)
    std::swap(values[left - 1], values[static_cast<std::size_t>(uniform() * static_cast<double>(left))]);
}

Order::Order(const Settings& s, std::int64_t count, std::int64_t epoch) {
  const bool trains = epoch >= 0;
  const std::int64_t largest_fold = (count + s.folds - 1) / s.folds;
  steps = trains ? (count - largest_fold) / s.batch : (largest_fold + s.batch - 1) / s.batch;
  if (steps == 0 || count < s.folds)
    throw std::runtime_error(std::to_string(count) + " images in " + std::to_string(s.folds) +
                             " folds do not fill one batch of " + std::to_string(s.batch));
  std::vector<std::int32_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  Random(s.seed, {fold_split}).shuffle(all);
  for (std::int64_t run = 0; run < s.folds * s.seeds; ++run) {
    const auto begin = all.begin() + count * (run % s.folds) / s.folds,
               end = all.begin() + count * (run % s.folds + 1) / s.folds;
    std::vector<std::int32_t> mine(trains ? all.begin() : begin, trains ? begin : end);
    if (trains) mine.insert(mine.end(), end, all.end());
    if (trains) Random(s.seed, {epoch_order, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(run)}).shuffle(mine);
    mine.resize(static_cast<std::size_t>(steps * s.batch), -1);
    images.insert(images.end(), mine.begin(), mine.end());
  }
}

}  // namespace tune
