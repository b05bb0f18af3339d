// The training example: its losses against a plain loop in double precision, and the same bits twice and after a break.
#include "plain_network.hpp"
#include "state.hpp"
#include "statistics.hpp"
#include "training.hpp"
#include "tune_alpha_case.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace tune {
namespace {

bool always() { return true; }

TEST(TuneAlpha, LossesAreThoseOfAPlainLoopInDoublePrecision) {
  const Settings s = small_settings();
  const Dataset data = small_data();
  const auto machine = cpu_machine();
  Training training(*machine, s, data);
  training.run(always);
  const std::vector<Variant> tried = variants(s);
  ASSERT_EQ(tried.size(), 5u);
  for (std::size_t v = 0; v < tried.size(); ++v) {
    Vector ended;
    for (int run = 0; run < 6; ++run) {
      SCOPED_TRACE(tried[v].name() + ", run " + std::to_string(run));
      PlainNetwork network(s, data, tried[v], run);
      const std::vector<Score> expected = plain_training(network, s, data, run);
      for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
        const Score& got = training.history()[epoch][v][static_cast<std::size_t>(run)];
        EXPECT_NEAR(got.training_loss, expected[epoch].training_loss, 2e-6);
        EXPECT_NEAR(got.loss, expected[epoch].loss, 2e-6);
        EXPECT_DOUBLE_EQ(got.accuracy, expected[epoch].accuracy);
      }
      ended.insert(ended.end(), network.alphas(1).begin(), network.alphas(1).end());
    }
    if (tried[v].kind == Variant::Kind::fixed) continue;
    const LearnedAlpha learned = training.learned_alphas(tried[v])[1];
    EXPECT_NEAR(learned.mean, mean(ended), 1e-6);
    EXPECT_NEAR(learned.smallest, *std::min_element(ended.begin(), ended.end()), 1e-6);
    EXPECT_NEAR(learned.largest, *std::max_element(ended.begin(), ended.end()), 1e-6);
    EXPECT_GT(std::fabs(learned.mean - 0.25), 1e-3) << "nothing was learned";
  }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void expect_same(const History& a, const History& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t e = 0; e < a.size(); ++e)
    for (std::size_t v = 0; v < a[e].size(); ++v)
      for (std::size_t r = 0; r < a[e][v].size(); ++r) {
        EXPECT_EQ(a[e][v][r].training_loss, b[e][v][r].training_loss);
        EXPECT_EQ(a[e][v][r].loss, b[e][v][r].loss);
        EXPECT_EQ(a[e][v][r].accuracy, b[e][v][r].accuracy);
      }
}

struct Outcome {
  std::vector<float> parameters;
  History history;
};

/// With sizes at which loops are shared among threads.
Outcome outcome(std::uint64_t seed, int threads) {
  Settings s = small_settings();
  s.hidden = {96, 64};
  s.seed = seed;
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  const auto machine = cpu_machine();
  Training training(*machine, s, small_data());
  training.run(always);
  omp_set_num_threads(before);
  return {training.parameters(), training.history()};
}

TEST(TuneAlpha, ASeedGivesTheSameBitsTwiceAndWithAnyNumberOfThreads) {
  const Outcome first = outcome(5, 2), again = outcome(5, 2), alone = outcome(5, 1), other = outcome(6, 2);
  EXPECT_TRUE(same_bits(first.parameters, again.parameters));
  EXPECT_TRUE(same_bits(first.parameters, alone.parameters));
  EXPECT_FALSE(same_bits(first.parameters, other.parameters));
  expect_same(first.history, again.history);
  expect_same(first.history, alone.history);
}

TEST(TuneAlpha, GoesOnFromAnyStepBitForBit) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_state";
  const Dataset data = small_data();
  const auto machine = cpu_machine();
  const Settings s = small_settings();
  Training whole(*machine, s, data);
  whole.run(always);
  ASSERT_EQ(whole.steps(), 14);
  for (const std::int64_t stop : {0, 1, 6, 7, 8, 13, 14}) {
    SCOPED_TRACE(stop);
    Training first(*machine, s, data);
    first.run([&] { return first.steps_done() < stop; });
    EXPECT_EQ(first.steps_done(), stop);
    save(file, {s, checksum(data), machine->libraries(), "a command", 1, first.state()});
    const SavedRun saved = read_saved(file);
    EXPECT_EQ(to_json(saved.settings).dump(), to_json(s).dump());
    EXPECT_EQ(saved.data, checksum(data));
    Training second(*machine, saved.settings, data);
    second.restore(saved.state);
    second.run(always);
    EXPECT_TRUE(same_bits(second.parameters(), whole.parameters()));
    expect_same(second.history(), whole.history());
  }
  std::remove(file.c_str());
}

}  // namespace
}  // namespace tune
