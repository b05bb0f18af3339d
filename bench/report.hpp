// The output of rectify-bench: a table, a JSON file, and a progress line.
#pragma once

#include "cases.hpp"

#include <string>
#include <vector>

namespace rectify::bench {

/// A run of the program, and its rows so far.
struct Report {
  Device device;
  std::string device_name;
  std::string command;
  const Op* against;  ///< the baseline of every case; null for a copy
  std::vector<Case> cases;
  std::vector<Row> rows;
};

void print_header(const Report& report);
void print_row(const Case& c, const Row& row);

/// Prints every op with its operands and its bytes per element.
void print_ops(const std::vector<Op>& table);

/// Shows a line such as "3/16 forward f32 4 MiB" on stderr, where the next call overwrites it; an empty text clears it. Does
/// nothing unless stderr is a terminal.
void print_progress(const std::string& text);

/// Throws std::runtime_error if the file cannot be written completely.
void write_json(const Report& report, const std::string& file);

/// "64 KiB", "1 GiB".
std::string human_bytes(std::int64_t bytes);

}  // namespace rectify::bench
