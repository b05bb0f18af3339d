// Figures of all alphas, and how people read them.
#include "report.hpp"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <sstream>

namespace tune {

using namespace rectify::harness;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Score, training_loss, loss, accuracy)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LearnedAlpha, mean, smallest, largest)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Row, name, learned, alpha, accuracy_mean, accuracy_deviation, loss_mean, loss_deviation,
                                   accuracies, losses, diverged_runs, ended, epochs, difference, t, p)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Report, schema, program, commit, device, libraries, arguments, settings, seconds, threads,
                                   networks, steps_done, steps, complete, baseline, significance, rows, conclusion)

namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char text[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text, sizeof text, pattern, values);
  va_end(values);
  return text;
}

std::vector<double> each(const std::vector<Score>& scores, double Score::*figure) {
  std::vector<double> values;
  for (const Score& score : scores) values.push_back(score.*figure);
  return values;
}

Row row_of(const Training& training, std::size_t v) {
  const Variant& variant = training.variants()[v];
  Row row;
  static_cast<Variant&>(row) = variant;
  std::vector<Score> scores;
  for (std::int64_t epoch = 0; epoch < training.epochs_done(); ++epoch) {
    scores = training.scores(epoch, v);
    row.epochs.push_back(
        {mean(each(scores, &Score::training_loss)), mean(each(scores, &Score::loss)), mean(each(scores, &Score::accuracy))});
  }
  row.accuracies = each(scores, &Score::accuracy);
  row.losses = each(scores, &Score::loss);
  row.accuracy_mean = mean(row.accuracies);
  row.accuracy_deviation = standard_deviation(row.accuracies);
  row.loss_mean = mean(row.losses);
  row.loss_deviation = standard_deviation(row.losses);
  for (const double loss : row.losses) row.diverged_runs += loss < std::log(static_cast<double>(classes)) ? 0 : 1;
  if (variant.learned) row.ended = training.learned_alphas(v);
  return row;
}

const Row& baseline(const Report& report) {
  return *std::find_if(report.rows.begin(), report.rows.end(), [&](const Row& row) { return row.name == report.baseline; });
}

std::string table_row(const Report& report, const Row& row) {
  if (row.diverged_runs > 0)
    return format("%-20s  diverged in %d of %zu runs\n", row.name.c_str(), static_cast<int>(row.diverged_runs),
                  row.losses.size());
  const std::string all = format("%-20s  %6.2f +-%5.2f  %.3f +-%.3f", row.name.c_str(), 100 * row.accuracy_mean,
                                 100 * row.accuracy_deviation, row.loss_mean, row.loss_deviation);
  if (row.name == report.baseline || baseline(report).diverged_runs > 0) return all + "\n";
  const std::string p = row.p < 0.0005 ? "<0.001" : format("%.3f", row.p);
  return all + format("  %+6.2f %-6s %s\n", 100 * row.difference, p.c_str(),
                      row.p < report.significance ? "differs" : "may be noise");
}

void add(std::string& list, const std::string& item) { list += (list.empty() ? "" : "; ") + item; }

/// The sentences that compare alphas with the baseline.
void compare(const Report& report, const Row& best, std::vector<std::string>& words) {
  std::string above, below;
  for (const Row& row : report.rows)
    if (row.p < report.significance)
      add(row.difference > 0 ? above : below, row.name + format(" (%+.2f points)", 100 * row.difference));
  if (!above.empty()) words.push_back("Better than " + report.baseline + " beyond noise: " + above + ".");
  if (!below.empty()) words.push_back("Worse than " + report.baseline + " beyond noise: " + below + ".");
  if (above.empty() && below.empty()) {
    words.push_back("None differs from " + report.baseline + " beyond noise: every difference in the table may be chance.");
  } else {
    const bool certain = best.name == report.baseline || best.p < report.significance;
    words.push_back("Every other difference from " + report.baseline + " may be noise" +
                    (certain ? "." : ", including that of the best."));
  }
  words.push_back(
      format("(A difference counts if p < 0.05 / %zu comparisons = %.4f; paired t-test over %zu runs, corrected because "
             "training sets overlap.)",
             report.rows.size() - 1, report.significance, best.losses.size()));
}

}  // namespace

std::vector<std::string> conclusion(const Report& report) {
  if (report.rows.empty()) return {"No epoch is complete, so there are no figures."};
  std::vector<std::string> words;
  if (!report.complete) words.push_back("This run was ended early; the figures are those of the complete epochs.");
  const Row* best = nullptr;
  std::string diverged;
  std::int64_t diverged_runs = 0;
  for (const Row& row : report.rows) {
    diverged_runs += row.diverged_runs;
    if (row.diverged_runs > 0) add(diverged, row.name);
    if (row.diverged_runs == 0 && (best == nullptr || row.accuracy_mean > best->accuracy_mean)) best = &row;
  }
  if (best == nullptr) {
    const char* const all = report.networks == diverged_runs ? "All networks diverged" : "Every alpha diverged in some run";
    words.push_back(all + std::string(", so no alpha can be called the best. Try a lower --rate."));
    return words;
  }
  words.push_back(format("Best on average: %s, with %.2f %%.", best->name.c_str(), 100 * best->accuracy_mean));
  if (!diverged.empty()) words.push_back("Diverged in some run, so not compared: " + diverged + ". Try a lower --rate.");
  if (baseline(report).diverged_runs == 0 && report.rows.size() > 1) compare(report, *best, words);
  return words;
}

void fill(Report& report, const std::vector<Training>& trainings) {
  const Training& first = trainings.front();
  report.steps_done = first.steps_done();
  report.steps = first.steps();
  report.complete = report.steps_done == report.steps;
  for (const Training& training : trainings) {
    report.networks += training.networks();
    for (std::size_t v = 0; v < training.variants().size() && first.epochs_done() > 0; ++v)
      report.rows.push_back(row_of(training, v));
  }
  for (const Row& row : report.rows)  // PyTorch's default, if it is among the alphas
    if (report.baseline.empty() || (row.alpha == 0.01 && !row.learned)) report.baseline = row.name;
  for (Row& row : report.rows) {
    const Row& base = baseline(report);
    if (row.diverged_runs + base.diverged_runs > 0) continue;
    const double share = 1 / static_cast<double>(report.settings.folds - 1);
    static_cast<PairedTest&>(row) = paired_test(row.accuracies, base.accuracies, share);
  }
  report.significance = 0.05 / std::max(static_cast<double>(report.rows.size()) - 1, 1.0);
  report.conclusion = conclusion(report);
}

std::string table(const Report& report) {
  if (report.rows.empty()) return "";
  std::string all = format("On images not trained on, after %zu epochs: mean and deviation of %zu runs\n\n",
                           report.rows[0].epochs.size(), report.rows[0].losses.size());
  all +=
      format("%-20s  %-13s  %-13s  against %s\n%-52spoints p\n", "alpha", "accuracy, %", "loss", report.baseline.c_str(), "");
  for (const Row& row : report.rows) all += table_row(report, row);
  for (const Row& row : report.rows) {
    if (!row.learned || row.diverged_runs > 0) continue;
    all += format("\n%s: from %.2f to (mean, and range over channels and runs)\n", row.name.c_str(), row.alpha);
    for (const LearnedAlpha& layer : row.ended)
      all += format("  %6.3f (%.3f to %.3f)\n", layer.mean, layer.smallest, layer.largest);
  }
  return all;
}

std::string wrapped(const std::string& text) {
  constexpr std::size_t columns = 79;
  std::string lines, line;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + line + "\n";
}

std::string json_text(const Report& report) {
  // Paths in the settings may contain any bytes.
  return nlohmann::json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace tune
