// Measures a case: rectify, peers and the ceiling's movers, in turns on the same buffers, each checked before it is timed.
#pragma once

#include "cases.hpp"
#include "peers/peer.hpp"
#include "sampling.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rectify::bench {

/// What one contender did in a case.
struct Row {
  std::string who, how;
  bool is_ceiling = false;   ///< a mover, which computes nothing
  bool is_checked = false;   ///< its results equal the reference's
  std::string outcome, why;  ///< "failed", "absent" or "skipped", and the reason; empty if it was timed
  harness::Samples samples;

  double seconds() const { return samples.median(); }
  /// A row without a time.
  static Row without_time(const std::string& who, const std::string& outcome, const std::string& why);
};

struct Result {
  Case of;
  std::vector<Row> rows;  ///< rectify's is the first
  std::size_t sets = 0;   ///< of buffers

  /// The fastest mover; null if none was timed.
  const Row* ceiling() const;
  /// The time of the ceiling / the time of the row; 0 if either was not timed.
  double of_ceiling(const Row& row) const;
  bool failed() const;  ///< rectify's result was wrong or its call failed
};

struct Settings {
  harness::Rules rules;
  bool is_checked = true, is_timed = true;
  std::int64_t cold_bytes = 0;  ///< that calls touch before they come back to the same buffers
  std::function<bool()> ended;  ///< true if the run is to end
};

/// A peer, or why it is absent from the whole run.
struct Contestant {
  std::string name;
  std::unique_ptr<Peer> peer;
  std::string absent;
};

/// A fault of the measurement, by a figure above the ceiling, is measured once more with twice the samples.
Result measure(const Case& c, const Settings& settings, const std::vector<Contestant>& peers);

/// The bytes that a case allocates on its device, without what a peer allocates.
std::int64_t needed_bytes(const Case& c, std::int64_t cold_bytes);

}  // namespace rectify::bench
