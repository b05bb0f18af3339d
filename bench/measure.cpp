// Prepares the buffers of a case, checks every contender, and has them sampled in turns.
#include "measure.hpp"

#include "ceiling.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <new>

namespace rectify::bench {
namespace {

using harness::Contender;
using harness::Duration;

constexpr std::size_t most_sets = 8192;
constexpr int peer_tolerance = 2;  // units in the last place, because peers may round otherwise

std::size_t sets_of(const Case& c, std::int64_t cold_bytes) {
  if (!c.is_cold) return 1;
  const std::int64_t bytes = std::max<std::int64_t>(c.bytes(), 1);
  return static_cast<std::size_t>(std::clamp<std::int64_t>((cold_bytes + bytes - 1) / bytes, 1, most_sets));
}

/// The sets of buffers, the block that they repeat, and everybody who works on them.
class Bench {
 public:
  Bench(const Case& c, const Settings& settings, const std::vector<Contestant>& peers) : case_(c), settings_(settings) {
    Memory memory = Memory::of(c.device);
    for (const Contestant& each : peers) {
      if (each.peer != nullptr && each.peer->memory(c.device).allocate) memory = each.peer->memory(c.device);
    }
    const std::size_t count = sets_of(c, settings.cold_bytes);
    sets_.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      sets_.emplace_back(case_.op, case_.relu, case_.dtype, case_.elements, memory, case_.placement);
    block_ = std::make_unique<Workload>(sets_[0].solved_block());
    for (const Workload& set : sets_) {
      if (!settings.is_checked || &set != &sets_.front()) set.prepare(*block_);  // check_first() prepares the first
    }
  }

  std::size_t sets() const { return sets_.size(); }

  /// Runs the op on a set of spoilt outputs. Returns "forward: y at element 17" for a difference from the reference, or "".
  std::string check(const Workload& set) const {
    set.prepare(*block_);
    harness::stopwatch(case_.device, set.call(), false)();
    const std::string difference = set.difference(*block_);
    return difference.empty() ? "" : case_.op.name + ": " + difference;
  }
  std::string check_first() const { return check(sets_.front()); }
  std::string check_last() const { return check(sets_.back()); }

  Contender rectify() {
    std::vector<harness::Work> calls;
    for (const Workload& set : sets_) calls.push_back(set.call());
    Contender one = in_turns("rectify", calls);
    if (sets_[0].overwrites_inputs()) {
      // Inputs of calls that are repeated on their own outputs would soon be all zero or subnormal.
      one.most_calls = std::max(8, static_cast<int>(sets_.size()));
      one.before = [this] {
        for (const Workload& set : sets_) set.restore(*block_);
      };
    }
    return one;
  }

  /// Throws Absent; std::runtime_error if the peer's result is wrong.
  Contender peer(Peer& peer, std::string& how) {
    PeerCalls calls = peer.prepare(sets_);
    how = calls.how;
    if (settings_.is_checked) sets_[0].prepare(*block_);
    if (calls.remote) {
      calls.remote(0, 1, true);
    } else {
      harness::stopwatch(case_.device, calls.of_set[0], false)();
    }
    const std::string difference = settings_.is_checked ? sets_[0].difference(*block_, peer_tolerance) : "";
    if (!difference.empty()) throw std::runtime_error("differs from the reference: " + difference);
    if (!calls.remote) return in_turns(peer.name(), calls.of_set);
    return {peer.name(), [calls, next = 0, sets = static_cast<int>(sets_.size())](int count) mutable {
              const double seconds = calls.remote(next, count, false);
              next = (next + count) % sets;
              return Duration{seconds, seconds};
            }};
  }

  /// The movers that take part: after a short round of all of them, the two that were fastest.
  std::vector<Contender> movers() {
    std::vector<std::vector<harness::Stream>> streams;
    for (const Workload& set : sets_) streams.push_back(set.streams());
    std::vector<Contender> all;
    for (const harness::Mover& mover : harness::movers(case_.device, streams[0])) {
      std::vector<harness::Work> calls;
      for (const auto& each : streams) calls.push_back([move = mover.move, each](void* stream) { move(each, stream); });
      all.push_back(in_turns(mover.name, calls));
    }
    std::vector<Contender> two;
    for (const std::size_t index : harness::fastest(all, 2, settings_.ended)) two.push_back(all[index]);
    return two;
  }

 private:
  /// Calls that rotate over the sets, from sample to sample too.
  Contender in_turns(const std::string& name, std::vector<harness::Work> calls) const {
    struct State {
      std::vector<harness::Work> calls;
      std::size_t next = 0;
      int captured = 0;
      std::function<Duration()> graph;

      void run(int count, void* stream) {
        for (int i = 0; i < count; ++i) {
          calls[next](stream);
          if (++next == calls.size()) next = 0;
        }
      }
    };
    Contender one{name, {}};
    if (case_.as_graph) one.multiple = static_cast<int>(calls.size());
    const auto state = std::make_shared<State>();
    state->calls = std::move(calls);
    one.run = [state, device = case_.device, as_graph = case_.as_graph](int count) {
      const harness::Work work = [state = state.get(), count](void* stream) { state->run(count, stream); };
      if (!as_graph) return harness::stopwatch(device, work, false)();
      if (state->captured != count) {
        state->graph = harness::stopwatch(device, work, true);
        state->captured = count;
        state->graph();  // the first replay uploads the graph
      }
      return state->graph();
    };
    return one;
  }

  const Case& case_;
  const Settings& settings_;
  std::vector<Workload> sets_;
  std::unique_ptr<Workload> block_;
};

/// The rows, and the contenders of those that are to be timed.
struct Field {
  std::vector<Row> rows;
  std::vector<Contender> contenders;

  void add(Row row, Contender contender) {
    rows.push_back(std::move(row));
    contenders.push_back(std::move(contender));
  }
};

void add_peers(Bench& bench, const Settings& settings, const std::vector<Contestant>& peers, Field& field,
               std::vector<Row>& absent) {
  for (const Contestant& each : peers) {
    if (each.peer == nullptr) {
      absent.push_back(Row::without_time(each.name, "absent", each.absent));
      continue;
    }
    Row row;
    row.who = each.peer->name();
    row.is_checked = settings.is_checked;
    try {
      Contender contender = bench.peer(*each.peer, row.how);
      field.add(row, contender);
    } catch (const Absent& error) {
      absent.push_back(Row::without_time(row.who, "absent", error.what()));
    } catch (const std::exception& error) {
      absent.push_back(Row::without_time(row.who, "failed", error.what()));
    }
  }
}

void time_all(const Settings& settings, const harness::Rules& rules, Field& field) {
  const std::vector<harness::Samples> samples = harness::sample_in_turns(field.contenders, rules, settings.ended);
  for (std::size_t i = 0; i < samples.size(); ++i) field.rows[i].samples = samples[i];
}

Result measure_once(const Case& c, const Settings& settings, const std::vector<Contestant>& peers) {
  Result result{c, {}, 0};
  Bench bench(c, settings, peers);
  result.sets = bench.sets();
  Row own;
  own.who = "rectify";
  own.is_checked = settings.is_checked;
  const std::string wrong = settings.is_checked ? bench.check_first() : "";
  if (!wrong.empty()) {
    result.rows.push_back(Row::without_time("rectify", "failed", "differs from the reference: " + wrong));
    return result;
  }
  Field field;
  std::vector<Row> absent;
  field.add(own, bench.rectify());
  add_peers(bench, settings, peers, field, absent);
  if (settings.is_timed && !settings.ended()) {
    for (const Contender& mover : bench.movers()) {
      Row row;
      row.who = mover.name;
      row.is_ceiling = true;
      field.add(row, mover);
    }
    time_all(settings, settings.rules, field);
    result.rows = field.rows;
    const bool is_fault = std::any_of(field.rows.begin(), field.rows.end(),
                                      [&](const Row& row) { return result.of_ceiling(row) > harness::ceiling_fault; });
    if (is_fault && !settings.ended()) {
      harness::Rules twice = settings.rules;
      twice.samples *= 2;
      twice.seconds *= 2;
      time_all(settings, twice, field);
    }
    const std::string spoilt = settings.is_checked ? bench.check_last() : "";
    if (!spoilt.empty())
      field.rows[0] = Row::without_time("rectify", "failed", "differs from the reference after the timing: " + spoilt);
  }
  result.rows = field.rows;
  result.rows.insert(result.rows.end(), absent.begin(), absent.end());
  return result;
}

}  // namespace

Row Row::without_time(const std::string& who, const std::string& outcome, const std::string& why) {
  Row row;
  row.who = who;
  row.outcome = outcome;
  row.why = why;
  return row;
}

const Row* Result::ceiling() const {
  const Row* best = nullptr;
  for (const Row& row : rows) {
    if (row.is_ceiling && !row.samples.seconds().empty() && (best == nullptr || row.seconds() < best->seconds())) best = &row;
  }
  return best;
}

double Result::of_ceiling(const Row& row) const {
  const Row* const best = ceiling();
  return best == nullptr || row.samples.seconds().empty() ? 0 : best->seconds() / row.seconds();
}

bool Result::failed() const { return rows.empty() || rows[0].outcome == "failed"; }

Result measure(const Case& c, const Settings& settings, const std::vector<Contestant>& peers) {
  try {
    return measure_once(c, settings, peers);
  } catch (const std::bad_alloc&) {
    const std::string need = human_bytes(needed_bytes(c, settings.cold_bytes));
    return {c, {Row::without_time("rectify", "failed", "out of memory: its tensors need " + need)}, 0};
  } catch (const std::exception& error) {
    return {c, {Row::without_time("rectify", "failed", error.what())}, 0};
  }
}

std::int64_t needed_bytes(const Case& c, std::int64_t cold_bytes) {
  const double gaps = static_cast<double>(c.op.layout.elements_in_memory(c.units())) / static_cast<double>(c.elements);
  return static_cast<std::int64_t>(static_cast<double>(sets_of(c, cold_bytes)) * static_cast<double>(c.bytes()) * gaps);
}

}  // namespace rectify::bench
