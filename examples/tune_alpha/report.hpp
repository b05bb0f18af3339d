// What people and programs are told of a run, finished or not: a table, a conclusion in words, and JSON.
#pragma once

#include "statistics.hpp"
#include "training.hpp"

#include <string>
#include <vector>

namespace tune {

/// One alpha, fixed or learned, after the last epoch that is done.
struct Row {
  Variant variant;
  std::vector<double> accuracies, losses;  ///< by run
  PairedTest test;                         ///< of accuracies against the baseline's, where neither has diverged
  std::vector<LearnedAlpha> ended;         ///< where it was learned, by hidden layer

  /// Runs that ended worse than guessing: the learning rate was too high for them, and the mean accuracy means nothing.
  std::size_t diverged_runs() const;
  bool diverged() const { return diverged_runs() > 0; }
};

struct Report {
  Settings settings;
  std::string command, device, libraries;
  double seconds = 0;  ///< of the parts before a break too
  int threads = 1;
  std::int64_t networks = 0, steps_done = 0, steps = 0;
  History history;
  std::vector<Row> rows;  ///< empty before the first epoch is done
  std::size_t baseline = 0;

  bool finished() const { return steps_done == steps; }
  int epochs_done() const { return static_cast<int>(history.size()); }
  /// Below this a difference counts: 0.05, shared among the comparisons (Bonferroni).
  double significance() const { return 0.05 / static_cast<double>(rows.size() > 1 ? rows.size() - 1 : 1); }
};

/// Over the runs of a variant.
Score mean_score(const std::vector<Score>& runs);

/// Rows, tests and history of what is done.
void fill(Report& report, const Training& training);

void print_table(const Report& report);
/// The sentences under the table; they follow from its figures.
std::vector<std::string> conclusion(const Report& report);

std::string to_json(const Report& report);

}  // namespace tune
