// What a run found, finished or not: all figures, and a table and a conclusion that follow from them.
#pragma once

#include "training.hpp"

#include "statistics.hpp"

namespace tune {

/// One variant, after the last complete epoch. Its test is against the baseline, unless one of them diverged.
struct Row : Variant, rectify::harness::PairedTest {
  double accuracy_mean = 0, accuracy_deviation = 0, loss_mean = 0, loss_deviation = 0;
  std::vector<double> accuracies, losses;  ///< by run
  std::int64_t diverged_runs = 0;          ///< whose loss is not below that of guessing
  std::vector<LearnedAlpha> ended;         ///< by hidden layer, if alpha was learned
  std::vector<Score> epochs;               ///< means over the runs
};

struct Report {
  std::int64_t schema = 2;
  std::string program = "tune_alpha", commit, device, libraries;
  std::vector<std::string> arguments;
  Settings settings;
  double seconds = 0;
  int threads = 1;
  std::int64_t networks = 0, steps_done = 0, steps = 0;
  bool complete = false;
  std::string baseline;
  double significance = 0;  ///< level of the test: 0.05 divided by the number of comparisons (Bonferroni)
  std::vector<Row> rows;
  std::vector<std::string> conclusion;  ///< sentences
};

/// Fills in the figures, from `networks` to the end.
void fill(Report& report, const std::vector<Training>& trainings);
/// At most 79 columns wide.
std::string table(const Report& report);
/// The sentences under it.
std::vector<std::string> conclusion(const Report& report);
/// Broken into lines of at most 79 columns, unless a word is longer.
std::string wrapped(const std::string& text);
std::string json_text(const Report& report);

}  // namespace tune
