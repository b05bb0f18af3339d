// The fields of a record. bench/README.md describes them.
#include "record.hpp"

#include "ceiling.hpp"

#include <cmath>
#include <ctime>

namespace rectify::bench {
namespace {

using json = nlohmann::ordered_json;

/// Rounded to six significant digits, which is more than any clock tells.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::atof(text);
}

json case_json(const Case& c) {
  json all{{"op", c.op.name},
           {"dtype", name(c.dtype)},
           {"layout", c.op.layout.text()},
           {"shape", c.shape()},
           {"elements", c.elements},
           {"tensor_bytes", c.tensor_bytes()},
           {"alpha", c.relu.alpha},
           {"threshold", c.relu.threshold},
           {"max_value", nullptr},
           {"channels_last", c.op.layout.channels_last},
           {"gap", c.op.layout.gap},
           {"inplace", c.placement.in_place},
           {"misalign", c.placement.misalign},
           {"mode", c.mode()}};
  if (c.relu.max_value < Relu{}.max_value) all["max_value"] = c.relu.max_value;
  return all;
}

void add_figures(json& all, const Result& result, const Row& row) {
  const harness::Samples& samples = row.samples;
  const double us = samples.median() * 1e6, bytes = static_cast<double>(result.of.bytes());
  all["bytes"] = result.of.bytes();
  all["checked"] = row.is_checked;
  all["us"] = rounded(us);
  all["us_p10"] = rounded(samples.quantile(0.1) * 1e6);
  all["us_p90"] = rounded(samples.quantile(0.9) * 1e6);
  all["us_min"] = rounded(samples.quantile(0) * 1e6);
  all["us_max"] = rounded(samples.quantile(1) * 1e6);
  all["host_us"] = rounded(samples.host_seconds() * 1e6);
  all["noise"] = rounded(samples.spread());
  all["runs"] = samples.seconds().size();
  all["calls"] = samples.calls();
  all["sets"] = result.sets;
  all["gbps"] = rounded(bytes / us / 1e3);
  if (const Row* const ceiling = result.ceiling()) {
    all["ceiling"] = ceiling->who;
    all["ceiling_us"] = rounded(ceiling->seconds() * 1e6);
    all["of_ceiling"] = rounded(result.of_ceiling(row));
    all["fault"] = result.of_ceiling(row) > harness::ceiling_fault;
  }
  if (row.who != "rectify" && result.rows[0].outcome.empty())
    all["vs_rectify"] = rounded(row.seconds() / result.rows[0].seconds());
  json taken = json::array();
  for (const double seconds : samples.seconds()) taken.push_back(rounded(seconds * 1e6));
  all["us_samples"] = taken;
}

}  // namespace

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

json machine_json(const Machine& machine, const std::map<std::string, std::string>& peers) {
  const Build built = build();
  json all{{"device", machine.device},
           {"name", machine.name},
           {"host", machine.host},
           {"cores", machine.cores},
           {"threads", machine.threads},
           {"affinity", machine.affinity},
           {"instruction_set", machine.instruction_set},
           {"caches", machine.caches},
           {"memory", machine.memory},
           {"omp_wait_policy", machine.omp_wait_policy},
           {"gomp_spincount", machine.gomp_spincount},
           {"load", machine.load},
           {"version", built.version},
           {"commit", built.commit},
           {"compiler", built.compiler},
           {"cuda", built.cuda},
           {"peers", peers}};
  if (!machine.driver.empty()) {
    all["driver"] = machine.driver;
    all["compute_capability"] = machine.compute_capability;
  }
  return all;
}

std::vector<json> rows_json(const Result& result) {
  std::vector<json> rows;
  for (const Row& row : result.rows) {
    json all = case_json(result.of);
    all["who"] = row.who;
    if (!row.how.empty()) all["how"] = row.how;
    if (row.is_ceiling) all["is_ceiling"] = true;
    if (!row.outcome.empty()) {
      all[row.outcome] = row.why;
    } else if (!row.samples.seconds().empty()) {
      add_figures(all, result, row);
    } else {
      all["checked"] = row.is_checked;
    }
    all["repro"] = result.of.repro();
    rows.push_back(all);
  }
  return rows;
}

json record_json(const Report& report) {
  json all{{"schema", record_schema},
           {"complete", report.is_complete},
           {"command", report.command},
           {"date", report.date},
           {"seconds", rounded(report.seconds)},
           {"machine", machine_json(report.machine, report.peers)},
           {"settings",
            {{"samples", report.rules.samples},
             {"seconds", report.rules.seconds},
             {"noise", report.rules.noise},
             {"cold_bytes", report.cold_bytes}}},
           {"cases", report.cases},
           {"skipped", json::array()},
           {"rows", json::array()}};
  for (const Skipped& each : report.skipped) all["skipped"].push_back({{"case", each.what}, {"why", each.why}});
  for (const Result& result : report.results) {
    for (const json& row : rows_json(result)) all["rows"].push_back(row);
  }
  return all;
}

std::string text_of(const json& all, int indent) { return all.dump(indent, ' ', false, json::error_handler_t::replace); }

}  // namespace rectify::bench
