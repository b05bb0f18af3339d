// The training example: its losses against a plain loop in double precision, and the same bits twice and after a break.
#include "plain_network.hpp"
#include "state.hpp"
#include "statistics.hpp"
#include "training.hpp"
#include "tune_alpha_case.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tune {
namespace {

std::vector<Training> trainings(const Settings& s, const Dataset& data) {
  std::vector<Training> all;
  for (const auto& group : variants(s)) all.emplace_back(cpu_machine(), s, data, group);
  return all;
}

void train(Training& training, std::int64_t steps) {
  while (training.steps_done() < steps) training.step();
}

TEST(TuneAlpha, LossesAreThoseOfAPlainLoopInDoublePrecision) {
  const Settings s = small_settings();
  const Dataset data = small_data();
  for (Training& training : trainings(s, data)) {
    train(training, training.steps());
    for (std::size_t v = 0; v < training.variants().size(); ++v) {
      const Variant& variant = training.variants()[v];
      Vector ended;
      for (int run = 0; run < 6; ++run) {
        SCOPED_TRACE(variant.name + ", run " + std::to_string(run));
        PlainNetwork network(s, data, variant, run);
        const std::vector<Score> expected = plain_training(network, s, data, run);
        for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
          const Score got = training.scores(static_cast<std::int64_t>(epoch), v)[static_cast<std::size_t>(run)];
          EXPECT_NEAR(got.training_loss, expected[epoch].training_loss, 2e-6);
          EXPECT_NEAR(got.loss, expected[epoch].loss, 2e-6);
          EXPECT_DOUBLE_EQ(got.accuracy, expected[epoch].accuracy);
        }
        ended.insert(ended.end(), network.alphas(1).begin(), network.alphas(1).end());
      }
      if (!variant.learned) continue;
      const LearnedAlpha learned = training.learned_alphas(v)[1];
      EXPECT_NEAR(learned.mean, rectify::harness::mean(ended), 1e-6);
      EXPECT_NEAR(learned.smallest, *std::min_element(ended.begin(), ended.end()), 1e-6);
      EXPECT_NEAR(learned.largest, *std::max_element(ended.begin(), ended.end()), 1e-6);
      EXPECT_GT(std::fabs(learned.mean - 0.25), 1e-3) << "nothing was learned";
    }
  }
}

/// All that training has changed, with sizes for which loops are shared among threads.
std::string outcome(std::int64_t seed, int threads) {
  Settings s = small_settings();
  s.hidden = {96, 64};
  s.seed = seed;
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  std::string bits;
  for (Training& training : trainings(s, small_data())) {
    train(training, training.steps());
    training.save(bits);
  }
  omp_set_num_threads(before);
  return bits;
}

TEST(TuneAlpha, ASeedGivesTheSameBitsTwiceAndWithAnyNumberOfThreads) {
  const std::string first = outcome(5, 2);
  EXPECT_TRUE(first == outcome(5, 2));
  EXPECT_TRUE(first == outcome(5, 1));
  EXPECT_TRUE(first == outcome(5, 7));
  EXPECT_FALSE(first == outcome(6, 2));
}

TEST(TuneAlpha, ContinuesFromAnyStepToTheSameBits) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_state";
  const Dataset data = small_data();
  for (Training& whole : trainings(small_settings(), data)) {
    train(whole, whole.steps());
    ASSERT_EQ(whole.steps(), 14);
    std::string expected;
    whole.save(expected);
    for (const std::int64_t stop : {0, 1, 6, 7, 8, 13, 14}) {
      SCOPED_TRACE(stop);
      Training first(cpu_machine(), small_settings(), data, whole.variants());
      train(first, stop);
      State state;
      state.steps_done = first.steps_done();
      first.save(state.bits);
      save(file, state);
      const State saved = load_state(file);
      Training second(cpu_machine(), small_settings(), data, whole.variants());
      std::string_view bits = saved.bits;
      second.restore(saved.steps_done, bits);
      EXPECT_TRUE(bits.empty());
      train(second, second.steps());
      std::string got;
      second.save(got);
      EXPECT_TRUE(got == expected);
    }
  }
  std::remove(file.c_str());
}

}  // namespace
}  // namespace tune
