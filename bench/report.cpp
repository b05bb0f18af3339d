// The table is for people, the JSON for programs; both say on which machine and by which command.
#include "report.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>

namespace rectify::bench {
namespace {

double gigabytes_per_second(const Row& row) { return static_cast<double>(row.bytes) / row.seconds / 1e9; }
double of_a_copy(const Row& row) { return row.copy_seconds / row.seconds; }

std::string device_text(Device device) {
  return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

nlohmann::ordered_json to_json(const Case& c, const Row& row) {
  nlohmann::ordered_json json{
      {"op", c.op.name},       {"dtype", name(c.dtype)},        {"elements", c.elements},
      {"alpha", c.relu.alpha}, {"threshold", c.relu.threshold}, {"equals_reference", row.equals_reference}};
  json["max_value"] = c.relu.max_value < Relu{}.max_value ? nlohmann::ordered_json(c.relu.max_value) : nullptr;
  if (!row.equals_reference) return json;
  json["bytes"] = row.bytes;
  json["seconds"] = row.seconds;
  json["copy_seconds"] = row.copy_seconds;
  json["gigabytes_per_second"] = gigabytes_per_second(row);
  json["of_a_copy"] = of_a_copy(row);
  return json;
}

}  // namespace

std::string human_bytes(std::int64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  auto amount = static_cast<double>(bytes);
  for (; amount >= 1024 && unit < 4; ++unit) amount /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.4g %s", amount, units[unit]);
  return text;
}

void print_header(const Report& report) {
  std::printf("rectify-bench on %s (%s)\n\n", report.device_name.c_str(), device_text(report.device).c_str());
  std::printf("%-9s %-5s %12s %12s %8s %10s\n", "op", "dtype", "tensor", "us", "GB/s", "of a copy");
}

void print_row(const Case& c, const Row& row) {
  const std::string tensor = human_bytes(c.elements * (bits_per_element(c.dtype) / 8));
  if (row.equals_reference) {
    std::printf("%-9s %-5s %12s %12.2f %8.1f %10.2f\n", c.op.name.c_str(), name(c.dtype).c_str(), tensor.c_str(),
                row.seconds * 1e6, gigabytes_per_second(row), of_a_copy(row));
  } else {
    std::printf("%-9s %-5s %12s   DIFFERS from the reference; not timed\n", c.op.name.c_str(), name(c.dtype).c_str(),
                tensor.c_str());
  }
  std::fflush(stdout);
}

void print_progress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

void write_json(const Report& report, const std::string& file) {
  nlohmann::ordered_json json{{"schema", 1},
                              {"program", "rectify-bench"},
                              {"commit", RECTIFY_COMMIT},
                              {"compiler", RECTIFY_COMPILER},
                              {"cuda", RECTIFY_CUDA_VERSION},
                              {"command", report.command},
                              {"date", utc_now()},
                              {"device", device_text(report.device)},
                              {"device_name", report.device_name},
                              {"rows", nlohmann::ordered_json::array()}};
  for (std::size_t i = 0; i < report.rows.size(); ++i) json["rows"].push_back(to_json(report.cases[i], report.rows[i]));
  std::ofstream out(file);
  out << json.dump(2) << "\n" << std::flush;
  if (!out) throw std::runtime_error(file + ": cannot be written: " + std::strerror(errno));
}

}  // namespace rectify::bench
