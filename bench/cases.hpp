// A case of rectify-bench: an op on tensors of one size. The command line asks for lists, of which every combination is a case.
#pragma once

#include "harness.hpp"
#include "op_table.hpp"
#include "workload.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rectify::bench {

struct Case {
  Op op;
  Relu relu;
  DType dtype;
  std::int64_t elements;  ///< of the output: a multiple of op.layout.unit_elements()
  Device device;
  Workload::Placement placement;
  bool is_cold;              ///< calls rotate over so many buffers that none is in the last cache
  bool as_graph;             ///< calls are replayed as a CUDA graph
  std::string reduced = {};  ///< "4 GiB": what was asked for, if it did not fit into memory

  std::int64_t tensor_bytes() const { return elements * (bits_per_element(dtype) / 8); }
  std::int64_t bytes() const;  ///< moved by one call
  std::int64_t units() const { return elements / op.layout.unit_elements(); }
  std::string mode() const;     ///< "cold", "hot", "cold, graph"
  std::string shape() const;    ///< "[16384, 1024]"
  std::string setting() const;  ///< what is not in a row of the table: function, layout, mode
  std::string repro() const;    ///< a command that runs this case alone
};

/// A combination that was asked for and cannot be run, with the reason.
struct Skipped {
  std::string what, why;
};

struct Cases {
  std::vector<Case> all;
  std::vector<Skipped> skipped;
};

struct Options;
/// Every combination, in the order of the table of ops. Sizes are rounded down to whole units, at least one, and equal sizes are
/// run once. Throws InvalidArgument if no combination is valid.
Cases cases_of(const Options& o, Device device);

using harness::name;

}  // namespace rectify::bench
