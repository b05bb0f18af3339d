// SVG as text. A panel has a frame, an axis of numbers on the left, and positions along the bottom: alphas side by side, because
// 0 and 0.01 would be one point of a true axis; or epochs.
#include "chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

namespace tune {
namespace {

constexpr double width = 920, height = 700;

std::string number(double value, int digits = 1) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string attribute(const char* name, const std::string& value) { return std::string(" ") + name + "=\"" + value + "\""; }

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line" + attribute("x1", number(x1)) + attribute("y1", number(y1)) + attribute("x2", number(x2)) +
         attribute("y2", number(y2)) + " " + style + "/>\n";
}

std::string text(double x, double y, const std::string& words, const std::string& style) {
  return "<text" + attribute("x", number(x)) + attribute("y", number(y)) + " " + style + ">" + words + "</text>\n";
}

/// A step of 1, 2 or 5 times a power of ten that makes about five of the range.
double tick_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 5)));
  const double share = range / 5 / power;
  return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

class Panel {
 public:
  Panel(double left, double top, double w, double h, double low, double high) : left_(left), top_(top), w_(w), h_(h) {
    const double room = high > low ? 0.08 * (high - low) : 0.5;
    low_ = low - room;
    high_ = high + room;
  }

  double x(double share) const { return left_ + share * w_; }
  double y(double value) const { return top_ + h_ - (value - low_) / (high_ - low_) * h_; }
  double bottom() const { return top_ + h_; }

  std::string frame(const std::string& title) const {
    std::string all = text(left_, top_ - 14, title, "class=\"title\"");
    const double step = tick_step(high_ - low_);
    const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
    for (double tick = std::ceil(low_ / step) * step; tick <= high_; tick += step) {
      all += line(left_, y(tick), left_ + w_, y(tick), "stroke=\"#e4e4e4\"");
      all += text(left_ - 8, y(tick) + 4, number(tick, digits), "text-anchor=\"end\"");
    }
    return all + line(left_, bottom(), left_ + w_, bottom(), "stroke=\"#888\"");
  }

 private:
  double left_, top_, w_, h_, low_, high_;
};

/// From dark blue over green to yellow by rank; the learned ones are red and orange.
std::string colour(const Report& report, std::size_t row) {
  if (report.rows[row].variant.kind == Variant::Kind::learned_per_layer) return "#d62728";
  if (report.rows[row].variant.kind == Variant::Kind::learned_per_channel) return "#ff7f0e";
  constexpr int anchors[][3] = {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {216, 200, 30}};
  const double at =
      4.0 * static_cast<double>(row) / static_cast<double>(std::max<std::size_t>(report.settings.alphas.size() - 1, 1));
  const int from = std::min(static_cast<int>(at), 3);
  char text[16];
  int rgb[3];
  for (int c = 0; c < 3; ++c)
    rgb[c] = static_cast<int>(anchors[from][c] + (at - from) * (anchors[from + 1][c] - anchors[from][c]));
  std::snprintf(text, sizeof text, "#%02x%02x%02x", static_cast<unsigned>(rgb[0]), static_cast<unsigned>(rgb[1]),
                static_cast<unsigned>(rgb[2]));
  return text;
}

std::string short_name(const Variant& variant) {
  if (variant.kind == Variant::Kind::fixed) return variant.name();
  return variant.kind == Variant::Kind::learned_per_layer ? "layer" : "channel";
}

std::vector<std::size_t> drawn(const Report& report) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    if (!report.rows[i].diverged()) rows.push_back(i);
  }
  const auto before = [&](std::size_t a, std::size_t b) {
    const Variant &va = report.rows[a].variant, &vb = report.rows[b].variant;
    const bool fixed_a = va.kind == Variant::Kind::fixed, fixed_b = vb.kind == Variant::Kind::fixed;
    return fixed_a != fixed_b ? fixed_a : fixed_a && va.alpha < vb.alpha;
  };
  std::stable_sort(rows.begin(), rows.end(), before);
  return rows;
}

using Values = std::function<std::vector<double>(const Row&)>;

/// Mean and standard deviation of each alpha, and every run as a faint point.
std::string against_alpha(const Report& report, double left, const std::string& title, const Values& values_of) {
  const std::vector<std::size_t> rows = drawn(report);
  double low = 1e30, high = -1e30;
  for (const std::size_t i : rows) {
    const std::vector<double> values = values_of(report.rows[i]);
    const double middle = mean(values), deviation = standard_deviation(values);
    low = std::min({low, middle - deviation, *std::min_element(values.begin(), values.end())});
    high = std::max({high, middle + deviation, *std::max_element(values.begin(), values.end())});
  }
  const Panel panel(left, 50, 380, 230, low, high);
  std::string all = panel.frame(title);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const Row& row = report.rows[rows[k]];
    const std::vector<double> values = values_of(row);
    const double x = panel.x((static_cast<double>(k) + 0.5) / static_cast<double>(rows.size()));
    const double middle = mean(values), deviation = standard_deviation(values);
    const std::string paint = colour(report, rows[k]);
    for (const double value : values) {
      all += "<circle" + attribute("cx", number(x)) + attribute("cy", number(panel.y(value))) + attribute("fill", paint) +
             " r=\"2.2\" fill-opacity=\"0.3\"/>\n";
    }
    all += line(x, panel.y(middle - deviation), x, panel.y(middle + deviation),
                attribute("stroke", paint) + " stroke-width=\"2\"");
    all += "<circle" + attribute("cx", number(x)) + attribute("cy", number(panel.y(middle))) + attribute("fill", paint) +
           " r=\"4.5\"/>\n";
    const double below =
        row.variant.kind == Variant::Kind::learned_per_channel ? 32 : 18;  // beside its neighbour there is no room
    all += text(x, panel.bottom() + below, short_name(row.variant), "text-anchor=\"middle\"");
  }
  return all;
}

double loss_at(const Report& report, std::size_t row, std::size_t epoch) { return mean_score(report.history[epoch][row]).loss; }

std::string learning_curves(const Report& report) {
  const std::vector<std::size_t> rows = drawn(report);
  const std::size_t epochs = report.history.size();
  double low = 1e30, high = -1e30;
  for (const std::size_t i : rows) {
    for (std::size_t e = 0; e < epochs; ++e) {
      low = std::min(low, loss_at(report, i, e));
      high = std::max(high, loss_at(report, i, e));
    }
  }
  const Panel panel(60, 390, 620, 255, low, high);
  const auto x = [&](std::size_t epoch) { return panel.x((static_cast<double>(epoch) + 0.5) / static_cast<double>(epochs)); };
  std::string all = panel.frame("Loss on the images held out, after each epoch");
  for (std::size_t e = 0; e < epochs; ++e)
    all += text(x(e), panel.bottom() + 18, std::to_string(e + 1), "text-anchor=\"middle\"");
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const Variant& variant = report.rows[rows[k]].variant;
    const std::string dashes = variant.kind == Variant::Kind::fixed ? "" : " stroke-dasharray=\"6 3\"";
    const std::string style = attribute("stroke", colour(report, rows[k])) + " stroke-width=\"1.8\" fill=\"none\"" + dashes;
    std::string points;
    for (std::size_t e = 0; e < epochs; ++e) points += number(x(e)) + "," + number(panel.y(loss_at(report, rows[k], e))) + " ";
    all += "<polyline" + attribute("points", points) + style + "/>\n";
    const double y = 400 + 20 * static_cast<double>(k);
    all += line(700, y, 730, y, style) + text(738, y + 4, variant.name(), "");
  }
  return all;
}

}  // namespace

std::string chart(const Report& report) {
  const Settings& s = report.settings;
  const auto accuracies = [](const Row& row) {
    std::vector<double> percent = row.accuracies;
    for (double& value : percent) value *= 100;
    return percent;
  };
  const std::string runs =
      std::to_string(s.folds) + " folds x " + std::to_string(s.seeds) + (s.seeds == 1 ? " seed" : " seeds");
  std::string all = "<svg xmlns=\"http://www.w3.org/2000/svg\"" +
                    attribute("viewBox", "0 0 " + number(width, 0) + " " + number(height, 0)) +
                    attribute("width", number(width, 0)) + attribute("height", number(height, 0)) +
                    ">\n<style>text{font:12px sans-serif;fill:#333}.title{font-size:15px;font-weight:bold}</style>\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  if (drawn(report).empty()) return all + text(60, 60, "Every network diverged.", "") + "</svg>\n";
  all += against_alpha(report, 60, "Accuracy in %, by alpha", accuracies);
  all += against_alpha(report, 520, "Loss, by alpha", [](const Row& row) { return row.losses; });
  all += text(60, 332,
              "Images held out; a point is the mean, a bar one standard deviation, of " + runs +
                  " (faint). layer, channel: learned alphas, one for each.",
              "");
  all += learning_curves(report);
  return all + "</svg>\n";
}

}  // namespace tune
