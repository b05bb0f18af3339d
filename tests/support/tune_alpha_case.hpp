// A small training for the tests of tune_alpha.
#pragma once

#include "data.hpp"

#include <vector>

namespace tune {

/// Small, with sizes that are multiples of nothing.
inline Settings small_settings() {
  Settings s;
  s.alphas = {0, 0.3, -0.2};
  s.folds = 3;
  s.seeds = 2;
  s.hidden = {7, 5};
  s.epochs = 2;
  s.batch = 9;
  s.rate = 0.05;
  s.seed = 42;
  return s;
}

/// Ten kinds of images: each is bright where its kind says, under noise.
inline Dataset small_data() {
  constexpr std::int64_t count = 100, pixels = 13;
  Random random(7, {1});
  idx::Labelled all;
  all.count = count;
  all.rows = 1;
  all.cols = pixels;
  for (std::int64_t i = 0; i < count; ++i) {
    all.labels.push_back(static_cast<unsigned char>(i % classes));
    for (std::int64_t p = 0; p < pixels; ++p)
      all.pixels.push_back(static_cast<unsigned char>((p == i % classes ? 120 : 0) + 130 * random.uniform()));
  }
  return dataset(all, count);
}

}  // namespace tune
