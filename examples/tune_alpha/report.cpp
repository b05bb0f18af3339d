// The table and the words under it.
#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace tune {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char text[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text, sizeof text, pattern, values);
  va_end(values);
  return text;
}

bool is_learned(const Row& row) { return row.variant.kind != Variant::Kind::fixed; }

/// PyTorch's default where it is among the alphas, else the first.
std::size_t baseline_of(const std::vector<Row>& rows) {
  const auto is_default = [](const Row& row) { return !is_learned(row) && row.variant.alpha == 0.01; };
  const auto found = std::find_if(rows.begin(), rows.end(), is_default);
  return found == rows.end() ? 0 : static_cast<std::size_t>(found - rows.begin());
}

std::string ended_text(const Row& row) {
  std::string text;
  for (std::size_t l = 0; l < row.ended.size(); ++l) {
    const LearnedAlpha& a = row.ended[l];
    text += format("%s%.3f (%.3f to %.3f)", l == 0 ? "" : ", then ", a.mean, a.smallest, a.largest);
  }
  return text;
}

std::string test_text(const Report& report, std::size_t i) {
  if (i == report.baseline) return "";
  const PairedTest& test = report.rows[i].test;
  return format("%+7.2f   %-6s %s", 100 * test.difference, test.p < 0.0005 ? "<0.001" : format("%.3f", test.p).c_str(),
                test.p < report.significance() ? "differs" : "may be noise");
}

}  // namespace

std::size_t Row::diverged_runs() const {
  const double of_guessing = std::log(static_cast<double>(classes));
  return static_cast<std::size_t>(
      std::count_if(losses.begin(), losses.end(), [&](double loss) { return !(loss < of_guessing); }));
}

Score mean_score(const std::vector<Score>& runs) {
  Score sum;
  for (const Score& s : runs) {
    sum.training_loss += s.training_loss;
    sum.loss += s.loss;
    sum.accuracy += s.accuracy;
  }
  const double n = static_cast<double>(runs.size());
  return {sum.training_loss / n, sum.loss / n, sum.accuracy / n};
}

void fill(Report& report, const Training& training) {
  report.networks = training.networks();
  report.steps_done = training.steps_done();
  report.steps = training.steps();
  report.history = training.history();
  report.rows.clear();
  if (report.history.empty()) return;
  const std::vector<Variant> tried = variants(report.settings);
  for (std::size_t v = 0; v < tried.size(); ++v) {
    Row row{tried[v], {}, {}, {}, {}};
    for (const Score& score : report.history.back()[v]) {
      row.accuracies.push_back(score.accuracy);
      row.losses.push_back(score.loss);
    }
    if (is_learned(row)) row.ended = training.learned_alphas(row.variant);
    report.rows.push_back(std::move(row));
  }
  report.baseline = baseline_of(report.rows);
  const double test_share = 1.0 / (report.settings.folds - 1);
  const Row& baseline = report.rows[report.baseline];
  for (Row& row : report.rows) {
    if (!row.diverged() && !baseline.diverged()) row.test = paired_test(row.accuracies, baseline.accuracies, test_share);
  }
}

void print_table(const Report& report) {
  if (report.rows.empty()) {
    std::printf("No epoch is done yet, so there are no figures.\n");
    return;
  }
  const std::string against = "against " + report.rows[report.baseline].variant.name();
  std::printf(
      "\nOn images that were not trained on, after epoch %d of %d; mean and standard deviation of %d folds x %d seed%s\n\n",
      report.epochs_done(), report.settings.epochs, report.settings.folds, report.settings.seeds,
      report.settings.seeds == 1 ? "" : "s");
  std::printf("%-20s  %-15s  %-15s  %s\n", "alpha", "accuracy", "loss", against.c_str());
  std::printf("%-20s  %-15s  %-15s  %s\n", "", "%", "", " points   p");
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const Row& row = report.rows[i];
    if (row.diverged()) {
      std::printf("%-20s  diverged in %zu of %zu runs\n", row.variant.name().c_str(), row.diverged_runs(), row.losses.size());
      continue;
    }
    std::printf("%-20s  %5.2f +- %-6.2f  %.4f +- %.4f  %s\n", row.variant.name().c_str(), 100 * mean(row.accuracies),
                100 * standard_deviation(row.accuracies), mean(row.losses), standard_deviation(row.losses),
                test_text(report, i).c_str());
  }
  for (const Row& row : report.rows) {
    if (is_learned(row) && !row.diverged()) {
      std::printf("\n%s: from %.2f to %s, mean and range by layer", row.variant.name().c_str(), row.variant.alpha,
                  ended_text(row).c_str());
    }
  }
  std::printf("\n");
}

std::vector<std::string> conclusion(const Report& report) {
  if (report.rows.empty()) return {};
  const std::vector<Row>& rows = report.rows;
  const auto worse = [](const Row& a, const Row& b) {
    return std::make_pair(!a.diverged(), mean(a.accuracies)) < std::make_pair(!b.diverged(), mean(b.accuracies));
  };
  const Row& best = *std::max_element(rows.begin(), rows.end(), worse);
  const Row& base = rows[report.baseline];
  std::vector<std::string> words;
  if (!report.finished()) words.push_back("This run was ended early; the figures are of the epochs that are done.");
  words.push_back(format("Best on average: %s, with %.2f %%.", best.variant.name().c_str(), 100 * mean(best.accuracies)));
  std::string above, below;
  for (const Row& row : rows) {
    if (&row == &base || !(row.test.p < report.significance())) continue;
    std::string& side = row.test.difference > 0 ? above : below;
    side += (side.empty() ? "" : "; ") + row.variant.name() + format(" (%+.2f points)", 100 * row.test.difference);
  }
  std::string diverged;
  for (const Row& row : rows) {
    if (row.diverged()) diverged += (diverged.empty() ? "" : "; ") + row.variant.name();
  }
  if (!diverged.empty())
    words.push_back("Diverged in some run, so not compared: " + diverged + ". A lower --rate would tell more.");
  if (!above.empty()) words.push_back("Better than " + base.variant.name() + " beyond noise: " + above + ".");
  if (!below.empty()) words.push_back("Worse than " + base.variant.name() + " beyond noise: " + below + ".");
  const bool best_differs = &best == &base || best.test.p < report.significance();
  if (above.empty() && below.empty()) {
    words.push_back("None differs from " + base.variant.name() + " beyond noise: every difference in the table may be chance.");
  } else {
    words.push_back("Every other difference from " + base.variant.name() + " may be noise" +
                    (best_differs ? "." : ", the best one's too."));
  }
  words.push_back(
      format("(A difference counts where p < 0.05 / %zu comparisons = %.4f; paired t-test over %zu runs, corrected for "
             "training sets that overlap.)",
             rows.size() - 1, report.significance(), base.accuracies.size()));
  return words;
}

}  // namespace tune
