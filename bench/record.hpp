// A record of a run as JSON, of schema "rectify-bench/3": what compare, bench/tables.py, bench/plot.py and scripts/gpu-check.sh read.
#pragma once

#include "machine.hpp"
#include "measure.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace rectify::bench {

constexpr const char* record_schema = "rectify-bench/3";

/// Everything that a run knows; what is printed and written comes from it.
struct Report {
  Machine machine;
  std::map<std::string, std::string> peers;  ///< name: version
  std::string command, date;
  harness::Rules rules;
  std::int64_t cold_bytes = 0;
  std::size_t cases = 0;
  std::vector<Skipped> skipped;
  std::vector<Result> results;
  double seconds = 0;
  bool is_complete = false;
};

std::string utc_now();
nlohmann::ordered_json machine_json(const Machine& machine, const std::map<std::string, std::string>& peers);
/// The rows of a case, each an object of figures that compare understands.
std::vector<nlohmann::ordered_json> rows_json(const Result& result);
nlohmann::ordered_json record_json(const Report& report);

/// As text. Bytes that are not UTF-8, as in a path of a command, are replaced.
std::string text_of(const nlohmann::ordered_json& json, int indent);

}  // namespace rectify::bench
