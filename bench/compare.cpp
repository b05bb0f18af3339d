// Matches rows by what was measured, not by when.
#include "compare.hpp"

#include "record.hpp"
#include "text.hpp"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace rectify::bench {
namespace {

using json = nlohmann::ordered_json;

struct Figure {
  double value = 0, noise = 0;  ///< microseconds or share of the ceiling; relative spread of the samples, p90 - p10
};

struct Record {
  std::string file, commit, machine;
  bool is_complete = false;
  std::map<std::string, Figure> figures;
  std::vector<std::string> order;  ///< keys, as measured
};

/// What was measured. Fields that are absent in one record match those that are absent in the other.
std::string key_of(const json& row) {
  std::string key;
  for (const char* field : {"op", "dtype", "shape", "alpha", "threshold", "max_value", "channels_last", "gap", "inplace",
                            "misalign", "mode", "who"})
    key += (row.contains(field) ? text_of(row[field], -1) : "") + "|";
  return key;
}

/// "forward f32 [64, 1024] oneDNN", from a row that was matched.
std::string title_of(const std::string& key) {
  std::vector<std::string> words;
  std::istringstream all(key);
  for (std::string word; std::getline(all, word, '|');) {
    if (word.size() > 1 && word.front() == '"') word = word.substr(1, word.size() - 2);
    words.push_back(word);
  }
  words.resize(12);
  return words[0] + " " + words[1] + " " + words[2] + (words[11] == "rectify" ? "" : " " + words[11]);
}

/// A field as text; "?" if it is absent.
std::string text(const json& object, const char* field) {
  if (!object.contains(field)) return "?";
  return object[field].is_string() ? object[field].get<std::string>() : text_of(object[field], -1);
}

void add_row(Record& record, const json& row, bool by_ceiling) {
  const char* const field = by_ceiling ? "of_ceiling" : "us";
  if (!row.is_object() || row.contains("is_ceiling") || !row.contains(field)) return;
  const auto number = [&](const char* name) {
    if (!row.contains(name) || !row[name].is_number() || !(row[name].get<double>() > 0) ||
        !std::isfinite(row[name].get<double>()))
      throw std::runtime_error(record.file + ": " + name + " of a row is no number above 0");
    return row[name].get<double>();
  };
  Figure figure{number(field), 0};
  figure.noise = (number("us_p90") - number("us_p10")) / number("us");
  const std::string key = key_of(row);
  if (record.figures.emplace(key, figure).second) record.order.push_back(key);
}

Record read(const std::string& file, bool by_ceiling) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file + ": cannot be read");
  const json all = json::parse(in, nullptr, false);
  if (!all.is_object() || !all.contains("schema") || all["schema"] != record_schema || !all.contains("rows") ||
      !all["rows"].is_array())
    throw std::runtime_error(file + ": is no record of schema " + record_schema + ", which rectify-bench run --json writes");
  Record record;
  record.file = file;
  record.is_complete = all.value("complete", false);
  const json machine = all.value("machine", json::object());
  if (machine.is_object()) {
    record.commit = text(machine, "commit");
    record.machine = text(machine, "name") + ", " + text(machine, "threads") + " threads";
  }
  for (const json& row : all["rows"]) add_row(record, row, by_ceiling);
  return record;
}

void print_head(const Record& before, const Record& after, bool by_ceiling) {
  for (const Record* each : {&before, &after})
    std::printf("# %s: commit %s, %s%s\n", each->file.c_str(), each->commit.c_str(), each->machine.c_str(),
                each->is_complete ? "" : "; not complete");
  if (before.machine != after.machine) std::printf("# These are not the same machine or threads.\n");
  std::printf("\n%-45s %9s %9s %6s %6s\n", "case", by_ceiling ? "old ceil" : "old us", by_ceiling ? "new ceil" : "new us",
              "ratio", "noise");
}

}  // namespace

int compare(const Comparison& comparison) {
  const Record before = read(comparison.before, comparison.by_ceiling), after = read(comparison.after, comparison.by_ceiling);
  print_head(before, after, comparison.by_ceiling);
  std::size_t matched = 0, slower = 0, faster = 0;
  double log_sum = 0;
  for (const std::string& key : before.order) {
    const auto found = after.figures.find(key);
    if (found == after.figures.end()) continue;
    const Figure &was = before.figures.at(key), &is = found->second;
    const double ratio = comparison.by_ceiling ? was.value / is.value : is.value / was.value;
    // Half the spread of each: how far a median may lie from the middle of its samples, and more than its error.
    const double noise = std::hypot(was.noise, is.noise) / 2;
    const bool is_slower = ratio > 1 + comparison.fail_above && ratio > 1 + noise;
    const bool is_faster = 1 / ratio > 1 + comparison.fail_above && 1 / ratio > 1 + noise;
    const char* const format =
        comparison.by_ceiling ? "%-45.45s %9.3f %9.3f %6.3f %5.1f%%%s\n" : "%-45.45s %9.2f %9.2f %6.3f %5.1f%%%s\n";
    std::printf(format, title_of(key).c_str(), was.value, is.value, ratio, noise * 100,
                is_slower   ? " -"
                : is_faster ? " +"
                            : "");
    ++matched;
    slower += is_slower;
    faster += is_faster;
    log_sum += std::log(ratio);
  }
  if (matched == 0) {
    std::printf("# no case is in both records\n");
    return 77;
  }
  std::printf("\n# %zu cases; ratio: new / old%s; geometric mean %.3f\n", matched,
              comparison.by_ceiling ? " share, inverted" : " time", std::exp(log_sum / static_cast<double>(matched)));
  std::printf("# slower by more than %.3g%% and more than the noise (-): %zu; faster (+): %zu\n", comparison.fail_above * 100,
              slower, faster);
  if (before.figures.size() + after.figures.size() > 2 * matched)
    std::printf("# in one record alone: %zu\n", before.figures.size() + after.figures.size() - 2 * matched);
  return slower > 0 ? 1 : 0;
}

}  // namespace rectify::bench
