// The table is for people, with 79 columns. Figures that deserve doubt are marked in it and told of below it.
#include "report.hpp"

#include "ceiling.hpp"
#include "text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rectify::bench {
namespace {

constexpr int columns = 79;

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char* text, ...) {
  char line[512];
  std::va_list arguments;
  va_start(arguments, text);
  std::vsnprintf(line, sizeof line, text, arguments);
  va_end(arguments);
  return line;
}

/// Prints a comment, broken at spaces.
void print_comment(const std::string& text) {
  std::string line = "#";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (line.size() > 1 && line.size() + 1 + word.size() > columns) {
      std::printf("%s\n", line.c_str());
      line = "#  ";
    }
    line += " " + word;
    at = end + 1;
  }
  std::printf("%s\n", line.c_str());
}

std::string percent(double fraction) { return format("%.0f%%", fraction * 100); }

/// "1234567", "1234.5", "1.234", or "12.34s" from ten seconds on: at most 8 characters.
std::string microseconds(double us) {
  return us >= 1e7 ? format("%.2fs", us / 1e6) : format(us >= 1e5 ? "%.0f" : us >= 100 ? "%.1f" : "%.3f", us);
}

std::string of_ceiling_text(const Result& result, const Row& row) {
  const double share = result.of_ceiling(row);
  return share == 0 ? "-" : percent(share) + (share > harness::ceiling_fault ? "!" : "");
}

void print_row(const Result& result, const Row& row, const std::string& name) {
  const std::string left = format("%-24s %-4s %6s", name.c_str(), bench::name(result.of.dtype).c_str(),
                                  short_bytes(result.of.tensor_bytes()).c_str());
  if (row.outcome == "absent") return;  // the summary tells it
  if (!row.outcome.empty()) {
    print_comment(row.outcome + ": " + row.who + ", " + result.of.op.name + ": " + row.why);
  } else if (row.samples.seconds().empty()) {
    std::printf("%s %s\n", left.c_str(), row.is_checked ? "equals the reference" : "not timed");
  } else {
    const harness::Samples& s = row.samples;
    const double gbps = static_cast<double>(result.of.bytes()) / row.seconds() / 1e9;
    std::printf("%s %9s %8s%c %8s %6.1f %6s\n", left.c_str(), microseconds(s.median() * 1e6).c_str(),
                microseconds(s.quantile(0.1) * 1e6).c_str(), s.spread() > harness::noisy_spread ? '~' : ' ',
                microseconds(s.quantile(0.9) * 1e6).c_str(), gbps, of_ceiling_text(result, row).c_str());
  }
}

std::string caches_text(const Machine& machine) {
  std::string all;
  for (const auto& [level, bytes] : machine.caches) all += ", " + level + " " + short_bytes(bytes);
  return all;
}

/// How OpenMP's threads wait: what of its environment is set.
std::string waiting_text(const Machine& machine) {
  const std::string policy = "OMP_WAIT_POLICY=" + machine.omp_wait_policy;
  return machine.gomp_spincount.empty() ? policy : policy + " GOMP_SPINCOUNT=" + machine.gomp_spincount;
}

std::string peers_text(const Report& report) {
  std::string all;
  for (const auto& [name, version] : report.peers)
    all += (all.empty() ? "" : ", ") + name + (version.empty() ? "" : " " + version);
  return all;
}

template <class F>
std::size_t count_rows(const Report& report, const F& is_one) {
  std::size_t count = 0;
  for (const Result& result : report.results) {
    for (const Row& row : result.rows) count += is_one(result, row);
  }
  return count;
}

const std::vector<const char*> fields{
    "op", "dtype",  "shape",  "tensor_bytes", "alpha", "threshold", "max_value",  "inplace",    "misalign", "mode",   "who",
    "us", "us_p10", "us_p90", "runs",         "bytes", "gbps",      "of_ceiling", "vs_rectify", "checked",  "failed", "absent"};

std::string cell(const nlohmann::ordered_json& row, const char* field) {
  if (!row.contains(field) || row[field].is_null()) return "";
  return row[field].is_string() ? row[field].get<std::string>() : text_of(row[field], -1);
}

/// A line for each reason, with the cases that it concerns.
void print_missing(const std::vector<Skipped>& all) {
  std::vector<std::string> reasons;
  for (const Skipped& each : all) {
    if (std::find(reasons.begin(), reasons.end(), each.why) == reasons.end()) reasons.push_back(each.why);
  }
  for (const std::string& why : reasons) {
    std::vector<std::string> cases;
    for (const Skipped& each : all) {
      if (each.why == why && std::find(cases.begin(), cases.end(), each.what) == cases.end()) cases.push_back(each.what);
    }
    constexpr std::size_t most = 4;
    std::string names;
    for (std::size_t i = 0; i < std::min(cases.size(), most); ++i) names += (i > 0 ? ", " : "") + cases[i];
    if (cases.size() > most) names += format(" and %zu more", cases.size() - most);
    print_comment("not measured: " + names + ": " + why);
  }
}

}  // namespace

void print_header(const Report& report) {
  const Build built = build();
  const Machine& m = report.machine;
  print_comment("rectify-bench " + built.version + (built.commit.empty() ? "" : ", commit " + built.commit) + ", " +
                built.compiler + (built.cuda.empty() ? "" : ", CUDA " + built.cuda) + ", " + report.date);
  const std::string processor =
      format("%s, %d of %d cores (%s), %s", m.host.c_str(), m.threads, m.cores, m.affinity.c_str(), m.instruction_set.c_str());
  print_comment(m.device == "cpu" ? m.device + ": " + processor + caches_text(m) + ", " + human_bytes(m.memory) + ", load " +
                                        format("%.1f", m.load) + "; " + waiting_text(m)
                                  : m.device + ": " + m.name + ", driver " + m.driver + caches_text(m) + ", " +
                                        human_bytes(m.memory) + "; host: " + processor);
  if (!report.peers.empty()) print_comment("peers: " + peers_text(report));
  print_comment(
      format("medians of %d samples or more, p10 and p90 beside them; GB/s: 10^9 useful bytes; ceiling: the fastest of "
             "plain and streaming copies of the same bytes between the same tensors; cold: buffers rotate over %s",
             report.rules.samples, human_bytes(report.cold_bytes).c_str()));
  std::printf("\n%-24s %-4s %6s %9s %8s  %8s %6s %6s\n", "op", "type", "tensor", "us", "p10", "p90", "GB/s", "ceil");
}

void print_result(const Result& result, std::string& setting, bool with_repro) {
  const Case& c = result.of;
  if (c.setting() != setting) print_comment(setting = c.setting());
  if (!c.reduced.empty()) print_comment(c.op.name + ": " + c.reduced);
  for (const Row& row : result.rows) {
    if (row.is_ceiling) continue;
    std::string name = c.op.name;
    if (row.who != "rectify" && !row.samples.seconds().empty() && !result.failed())
      name = "  " + row.who + format(" %.2f x", row.seconds() / result.rows[0].seconds());
    print_row(result, row, name);
  }
  if (with_repro) std::printf("# %s\n", c.repro().c_str());
  std::fflush(stdout);
}

void print_summary(const Report& report) {
  std::printf("\n");
  const std::size_t timed =
      count_rows(report, [](auto&, const Row& row) { return !row.samples.seconds().empty() && !row.is_ceiling; });
  const std::size_t right = count_rows(report, [](auto&, const Row& row) { return row.is_checked && row.who == "rectify"; });
  const std::size_t failed = count_rows(report, [](auto&, const Row& row) { return row.outcome == "failed"; });
  print_comment(format("%zu of %zu cases in %.1f s; %zu equal the reference, %zu rows failed", report.results.size(),
                       report.cases, report.seconds, right, failed));
  const std::size_t faults =
      count_rows(report, [](const Result& result, const Row& row) { return result.of_ceiling(row) > harness::ceiling_fault; });
  if (faults > 0)
    print_comment(
        format("%zu figures are above 103%% of the ceiling (!), which is a fault of the measurement: others used the "
               "machine. Run these cases again.",
               faults));
  const std::size_t noisy = count_rows(report, [](auto&, const Row& row) {
    return !row.is_ceiling && !row.samples.seconds().empty() && row.samples.spread() > harness::noisy_spread;
  });
  if (noisy > 0)
    print_comment(
        format("%zu of %zu rows (~) have a spread (p90 - p10) of more than %.0f%% of their median: others used the machine.",
               noisy, timed, harness::noisy_spread * 100));
  std::vector<Skipped> missing = report.skipped;
  for (const Result& result : report.results) {
    for (const Row& row : result.rows) {
      if (row.outcome == "absent")
        missing.push_back({result.of.op.name + " " + bench::name(result.of.dtype), row.who + ": " + row.why});
    }
  }
  print_missing(missing);
}

void print_ops() {
  const auto operands = [](const Op& op, bool outputs) {
    std::string all;
    for (const Operand operand : op.operands) {
      if (op.is_output(operand) == outputs) all += (all.empty() ? "" : " ") + std::string(operand->name);
    }
    return all;
  };
  std::printf("%-25s%-15s %11s  %s\n%-25s%-15s %5s %5s\n", "op", "tensors", "bytes", "reads -> writes", "", "", "f32", "bf16");
  for (const Op& op : ops()) {
    const std::string left = format("%-25s%-15s %5.5g %5.5g  ", op.name.c_str(), op.layout.text().c_str(),
                                    bytes_per_element(op, {}, DType::f32), bytes_per_element(op, {}, DType::bf16));
    const std::string reads = operands(op, false), writes = " -> " + operands(op, true);
    if (left.size() + reads.size() + writes.size() <= columns) {
      std::printf("%s%s%s\n", left.c_str(), reads.c_str(), writes.c_str());
    } else {
      std::printf("%s%s\n%*s\n", left.c_str(), reads.c_str(), columns, writes.c_str() + 1);
    }
  }
  std::printf(
      "\nbytes: per element, each input read once and each output written once.\n"
      "Parameters and sums are not counted: they have one element for each channel\n"
      "(the extent after n, or 8 for models_forward), or one in total if they are\n"
      "scalars. A mask has one bit, or two if there is a cap and alpha is not 0.\n"
      "models_forward has one x for its 8 models. all_sums has a cap of threshold + 6\n"
      "unless --max-value is given. bias_gain_* have a gain of sqrt(2). The backward\n"
      "from y has no cap, and uses the absolute values of alpha and threshold.\n");
}

void print_info(const Report& report) {
  const Machine& m = report.machine;
  const Build built = build();
  const auto line = [](const char* name, const std::string& value) { std::printf("%-18s %s\n", name, value.c_str()); };
  line("rectify", built.version + ", commit " + built.commit);
  line("compiler", built.compiler);
  line("CUDA", built.cuda.empty() ? "built without" : built.cuda);
  line("device", m.device + ": " + m.name);
  if (!m.driver.empty()) line("driver", m.driver + ", compute capability " + m.compute_capability);
  for (const auto& [level, bytes] : m.caches) line(level.c_str(), human_bytes(bytes));
  line("memory", human_bytes(m.memory));
  line("host", format("%s, %d cores (%s)", m.host.c_str(), m.cores, m.affinity.c_str()));
  line("threads", std::to_string(m.threads) + "; " + waiting_text(m));
  line("instruction set", m.instruction_set);
  line("load", format("%.1f", m.load));
  line("peers", peers_text(report));
  for (const Skipped& each : report.skipped) line("", each.what + " is absent: " + each.why);
}

std::string csv_of(const Report& report) {
  std::string all;
  for (const char* field : fields) all += (all.empty() ? "" : ",") + std::string(field);
  all += "\n";
  for (const Result& result : report.results) {
    for (const auto& row : rows_json(result)) {
      for (std::size_t i = 0; i < fields.size(); ++i) {
        std::string text = cell(row, fields[i]);
        if (text.find_first_of(",\"\n") != std::string::npos) {
          for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
          text = '"' + text + '"';
        }
        all += (i > 0 ? "," : "") + text;
      }
      all += "\n";
    }
  }
  return all;
}

std::string markdown_of(const Report& report) {
  std::string all = "| op | dtype | shape | us | p10 | p90 | GB/s | of the ceiling |\n|---|---|---|---|---|---|---|---|\n";
  for (const Result& result : report.results) {
    for (const Row& row : result.rows) {
      if (row.samples.seconds().empty() || row.is_ceiling) continue;
      const harness::Samples& s = row.samples;
      const std::string name = result.of.op.name + (row.who == "rectify" ? "" : ", " + row.who);
      all += format("| %s | %s | %s | %s | %s | %s | %.1f | %s |\n", name.c_str(), bench::name(result.of.dtype).c_str(),
                    result.of.shape().c_str(), microseconds(s.median() * 1e6).c_str(),
                    microseconds(s.quantile(0.1) * 1e6).c_str(), microseconds(s.quantile(0.9) * 1e6).c_str(),
                    static_cast<double>(result.of.bytes()) / row.seconds() / 1e9, of_ceiling_text(result, row).c_str());
    }
  }
  return all;
}

void print_progress(const std::string& text) {
  static std::size_t shown = 0;
  const char* const terminal = std::getenv("TERM");
  if (isatty(STDERR_FILENO) == 0 || terminal == nullptr || std::strcmp(terminal, "dumb") == 0) return;
  winsize size{};
  const bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  const std::string line = text.substr(0, is_known ? size.ws_col - 1u : std::size_t{columns});
  std::fprintf(stderr, "\r%s%s\r%s", line.c_str(), std::string(shown > line.size() ? shown - line.size() : 0, ' ').c_str(),
               line.c_str());
  shown = line.size();
}

}  // namespace rectify::bench
