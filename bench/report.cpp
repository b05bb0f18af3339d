// The table is for people and the JSON for programs. Both name the device and the baseline; the JSON also has the command.
#include "report.hpp"

#include "files.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace rectify::bench {
namespace {

double gigabytes_per_second(const Row& row) { return static_cast<double>(row.bytes) / row.seconds / 1e9; }
double times_baseline(const Row& row) { return row.baseline_seconds / row.seconds; }

std::string device_text(Device device) {
  return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

std::string ratio_title(const Op* against) { return against != nullptr ? "vs " + against->name : "of a copy"; }

/// The width of the last column, which fits its title.
int ratio_width(const Op* against) { return static_cast<int>(std::max<std::size_t>(ratio_title(against).size(), 10)); }

std::string list(const Op& op, bool outputs) {
  std::string all;
  for (const Operand operand : op.operands) {
    if (op.is_output(operand) == outputs) all += (all.empty() ? "" : ", ") + std::string(operand->name);
  }
  return all;
}

nlohmann::ordered_json to_json(const Case& c, const Row& row) {
  nlohmann::ordered_json json{{"op", c.op.name},
                              {"dtype", name(c.dtype)},
                              {"layout", c.op.layout.text()},
                              {"elements", c.elements},
                              {"alpha", c.relu.alpha},
                              {"threshold", c.relu.threshold},
                              {"equals_reference", row.equals_reference()}};
  json["max_value"] = c.relu.max_value < Relu{}.max_value ? nlohmann::ordered_json(c.relu.max_value) : nullptr;
  json["bytes_per_element"] = bytes_per_element(c.op, c.relu, c.dtype);
  if (!row.equals_reference()) {
    json["difference"] = row.difference;
    return json;
  }
  json["bytes"] = row.bytes;
  json["seconds"] = row.seconds;
  json["baseline_seconds"] = row.baseline_seconds;
  json["gigabytes_per_second"] = gigabytes_per_second(row);
  json["of_baseline"] = times_baseline(row);
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

void print_ops(const std::vector<Op>& table) {
  std::printf("%-24s %-16s %17s\n", "", "", "bytes per element");
  std::printf("%-24s %-16s %8s %8s  %-18s %s\n", "op", "tensors", "f32", "bf16", "reads", "writes");
  for (const Op& op : table) {
    std::printf("%-24s %-16s %8.7g %8.7g  %-18s %s\n", op.name.c_str(), op.layout.text().c_str(),
                bytes_per_element(op, {}, DType::f32), bytes_per_element(op, {}, DType::bf16), list(op, false).c_str(),
                list(op, true).c_str());
  }
  std::printf(
      "\nscale, bias and alpha have one element for each channel (the extent after n, or 8 for models_forward). Sums have one\n"
      "element for each channel, or one in total if their parameter is a scalar. Neither these nor the workspace are counted\n"
      "in the bytes. models_forward has one x for its 8 models. A mask has one bit per element, or two if there is a cap and\n"
      "alpha is not 0. all_sums has a cap of threshold + 6 unless --max-value is given. bias_gain_* ops have a gain of "
      "sqrt(2).\n"
      "The backward from y has no cap, and uses the absolute values of alpha and threshold. accumulate_dbias adds to dbias.\n");
}

void print_header(const Report& report) {
  std::printf("rectify-bench on %s (%s)\n", report.device_name.c_str(), device_text(report.device).c_str());
  const std::string baseline =
      report.against != nullptr ? report.against->name + " on tensors of the same size" : "a copy of as many bytes";
  std::printf("%s = time of %s / time of the op; their samples alternate\n\n", ratio_title(report.against).c_str(),
              baseline.c_str());
  std::printf("%-24s %-16s %-5s %11s %6s %11s %8s %*s\n", "op", "layout", "dtype", "tensor", "B/el", "us", "GB/s",
              ratio_width(report.against), ratio_title(report.against).c_str());
}

void print_row(const Case& c, const Row& row) {
  std::printf("%-24s %-16s %-5s %11s %6.5g ", c.op.name.c_str(), c.op.layout.text().c_str(), name(c.dtype).c_str(),
              human_bytes(c.tensor_bytes()).c_str(), bytes_per_element(c.op, c.relu, c.dtype));
  if (row.equals_reference()) {
    std::printf("%11.2f %8.1f %*.3f\n", row.seconds * 1e6, gigabytes_per_second(row), ratio_width(c.against),
                times_baseline(row));
  } else {
    std::printf("  DIFFERS from the reference and was not timed (%s)\n", row.difference.c_str());
  }
  std::fflush(stdout);
}

void print_progress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

void write_json(const Report& report, const std::string& file) {
  nlohmann::ordered_json json{{"schema", 2},
                              {"program", "rectify-bench"},
                              {"commit", RECTIFY_COMMIT},
                              {"compiler", RECTIFY_COMPILER},
                              {"cuda", RECTIFY_CUDA_VERSION},
                              {"command", report.command},
                              {"date", utc_now()},
                              {"device", device_text(report.device)},
                              {"device_name", report.device_name},
                              {"baseline", report.against != nullptr ? report.against->name : "copy"},
                              {"rows", nlohmann::ordered_json::array()}};
  for (std::size_t i = 0; i < report.rows.size(); ++i) json["rows"].push_back(to_json(report.cases[i], report.rows[i]));
  harness::write_file(file, json.dump(2) + "\n");
}

}  // namespace rectify::bench
