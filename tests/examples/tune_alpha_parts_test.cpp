// The parts of the training example: what it refuses, its folds, and its statistics against tables.
#include "files.hpp"
#include "state.hpp"
#include "statistics.hpp"
#include "tune_alpha_case.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

namespace tune {
namespace {

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

TEST(TuneAlphaParts, ADamagedStateIsRefused) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_damaged";
  const Dataset data = small_data();
  const auto machine = cpu_machine();
  Settings s = small_settings();
  Training training(*machine, s, data);
  save(file, {s, checksum(data), machine->libraries(), "a command", 1, training.state()});
  const std::string all = read_file(file);
  std::string flipped = all;
  flipped[all.size() / 2] ^= 1;
  const std::string damaged[] = {"", "x", "tune_alpha state 1\n", all.substr(0, all.size() - 1), all + "x", flipped};
  for (const std::string& contents : damaged) {
    write_file(file, contents);
    EXPECT_EQ(refusal([&] { read_saved(file); }).find(file + ": cannot be resumed: it is "), 0u)
        << refusal([&] { read_saved(file); });
  }
  write_file(file, all);
  s.hidden = {8, 5};
  Training other(*machine, s, data);
  EXPECT_NE(refusal([&] { other.restore(read_saved(file).state); }).find("another number"), std::string::npos);
  std::remove(file.c_str());
}

TEST(TuneAlphaParts, AStateKeepsANetworkThatDiverged) {
  const std::string file = testing::TempDir() + "rectify_tune_alpha_diverged";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  State state;
  state.history = {{{{nan, nan, 0.1}}}};
  save(file, {small_settings(), 0, "", "", 1, state});
  const Score score = read_saved(file).state.history[0][0][0];
  EXPECT_TRUE(std::isnan(score.training_loss) && std::isnan(score.loss));
  EXPECT_EQ(score.accuracy, 0.1);
  std::remove(file.c_str());
}

TEST(TuneAlphaParts, AFileThatCannotBeWrittenLeavesTheOlderOne) {
  EXPECT_EQ(refusal([] { write_file("/dev/full", "x"); }), "/dev/full: cannot be written: No space left on device");
  EXPECT_NE(refusal([] { write_file("/nowhere/at/all", "x"); }).find("cannot be written: No such file"), std::string::npos);
}

TEST(TuneAlphaParts, DataThatDoesNotFitTogetherIsRefused) {
  EXPECT_EQ(refusal([] { dataset("d", 2, {1, 2, 3, 4}, {1}); }), "d: 1 labels, but 2 images");
  EXPECT_EQ(refusal([] { dataset("d", 1, {1, 2, 3}, {1, 10, 2}); }), "d: the label of image 1 is 10, expected 0 to 9");
  Settings s = small_settings();
  s.batch = 1000;
  EXPECT_NE(refusal([&] { Folds(s, 100); }).find("do not fill one batch of 1000"), std::string::npos);
}

TEST(TuneAlphaParts, EveryImageIsInOneFoldAndInNoBatchOfIt) {
  Settings s = small_settings();
  const Folds folds(s, 100);
  for (int run = 0; run < folds.runs(); ++run) {
    std::vector<int> seen(100);
    const Order trained = folds.training(1), held_out = folds.validation();
    const auto count = [&](const Order& order, int weight) {
      for (std::size_t i = 0; i < order.images.size(); ++i) {
        const bool mine = static_cast<int>(i) / static_cast<int>(s.batch) % folds.runs() == run;
        if (mine && order.images[i] >= 0) seen[static_cast<std::size_t>(order.images[i])] += weight;
      }
    };
    count(trained, 1);
    count(held_out, 100);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 100), folds.validation_images(run));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 63);  // 66 or 67 outside the fold, in batches of 9
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 100 - 63 - folds.validation_images(run));
  }
}

TEST(TuneAlphaParts, StudentsDistributionIsThatOfTheTables) {
  EXPECT_NEAR(student_p(12.7062, 1), 0.05, 1e-6);
  EXPECT_NEAR(student_p(4.30265, 2), 0.05, 1e-6);
  EXPECT_NEAR(student_p(2.77645, 4), 0.05, 1e-6);
  EXPECT_NEAR(student_p(-2.04523, 29), 0.05, 1e-6);
  EXPECT_NEAR(student_p(3.24984, 9), 0.01, 1e-6);
  EXPECT_DOUBLE_EQ(student_p(0, 7), 1);
  EXPECT_EQ(student_p(std::numeric_limits<double>::infinity(), 7), 0);
}

TEST(TuneAlphaParts, ThePairedTestIsThatOfAnExampleByHand) {
  // Differences 1, 2, 3: mean 2, deviation 1; t = 2 / sqrt(1/3), or with folds of half the training set 2 / sqrt(1/3 + 1/2).
  const PairedTest plain = paired_test({2, 4, 6}, {1, 2, 3}, 0), corrected = paired_test({2, 4, 6}, {1, 2, 3}, 0.5);
  EXPECT_DOUBLE_EQ(plain.difference, 2);
  EXPECT_NEAR(plain.t, 3.4641016, 1e-6);
  EXPECT_NEAR(plain.p, 0.0741799, 1e-6);
  EXPECT_NEAR(corrected.t, 2.1908902, 1e-6);
  EXPECT_GT(corrected.p, plain.p);
  EXPECT_EQ(paired_test({1, 2}, {1, 2}, 0.5).p, 1);
  EXPECT_EQ(paired_test({1}, {3}, 0.5).p, 1);
  EXPECT_DOUBLE_EQ(standard_deviation({1, 2, 3, 4}), std::sqrt(5.0 / 3));
  EXPECT_EQ(standard_deviation({3}), 0);
}

}  // namespace
}  // namespace tune
