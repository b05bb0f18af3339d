// What rectify-bench prints: a header of comments, a table of 79 columns, and a summary; and the files for --csv and --md.
#pragma once

#include "record.hpp"

#include <string>

namespace rectify::bench {

void print_header(const Report& report);
/// A result's rows. `setting` is that of the row before; when it changes, a comment tells it.
void print_result(const Result& result, std::string& setting, bool with_repro);
/// What to know of the whole: faults, noise, failures, what was skipped.
void print_summary(const Report& report);
/// The ops with their operands and bytes per element.
void print_ops();
/// What figures depend on, as text.
void print_info(const Report& report);

std::string csv_of(const Report& report);
std::string markdown_of(const Report& report);

/// Shows a line such as "3/16 forward f32 4M" on stderr, where the next call overwrites it; an empty text clears it. Does nothing
/// unless stderr is a terminal that can.
void print_progress(const std::string& text);

}  // namespace rectify::bench
