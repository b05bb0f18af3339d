// How times are taken: samples, turns, and the movers that are the ceiling.
#include "ceiling.hpp"
#include "sampling.hpp"
#include "timing.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace rectify::harness {
namespace {

bool never() { return false; }

TEST(Samples, TheMedianOfAnEvenNumberIsBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(Samples({3, 1}, 1, 0).median(), 2);
  EXPECT_EQ(Samples({4, 1, 2, 9}, 1, 0).median(), 3);
  EXPECT_EQ(Samples({5, 1, 3}, 1, 0).median(), 3);
}

TEST(Samples, QuantilesAndSpread) {
  const Samples samples({11, 1, 6, 2, 3, 4, 5, 7, 8, 9, 10}, 1, 0);
  EXPECT_DOUBLE_EQ(samples.quantile(0), 1);
  EXPECT_DOUBLE_EQ(samples.quantile(0.1), 2);
  EXPECT_DOUBLE_EQ(samples.quantile(0.9), 10);
  EXPECT_DOUBLE_EQ(samples.quantile(1), 11);
  EXPECT_DOUBLE_EQ(samples.spread(), 8.0 / 6);
}

/// A contender whose calls take the given seconds, and that notes its samples.
Contender fake(const std::string& name, double seconds, std::vector<std::string>& log) {
  return {name, [=, &log](int calls) {
            log.push_back(name);
            return Duration{seconds * calls, seconds * calls};
          }};
}

TEST(Turns, ContendersAlternateAndEachFollowsDifferentOthers) {
  std::vector<std::string> log;
  Rules rules;
  rules.samples = 3;
  rules.most_samples = 3;
  const auto samples = sample_in_turns({fake("a", 1, log), fake("b", 2, log)}, rules, never);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].median(), 1);
  EXPECT_EQ(samples[1].median(), 2);
  const std::vector<std::string> taken(log.end() - 6, log.end());
  EXPECT_EQ(taken, (std::vector<std::string>{"a", "b", "b", "a", "a", "b"}));
  log.clear();
  rules.samples = rules.most_samples = 12;
  sample_in_turns({fake("a", 1, log), fake("b", 1, log), fake("c", 1, log)}, rules, never);
  std::set<std::string> pairs;
  for (std::size_t i = log.size() - 36; i + 1 < log.size(); ++i) pairs.insert(log[i] + log[i + 1]);
  for (const char* pair : {"ab", "ac", "ba", "bc", "ca", "cb"}) EXPECT_EQ(pairs.count(pair), 1u) << pair;
}

TEST(Turns, ASampleHasAsManyCallsAsFillIt) {
  std::vector<std::string> log;
  Rules rules;
  rules.sample_seconds = 1e-3;
  EXPECT_EQ(sample_in_turns({fake("a", 1e-5, log)}, rules, never)[0].calls(), 100);
  EXPECT_EQ(sample_in_turns({fake("a", 1, log)}, rules, never)[0].calls(), 1);
  Contender few = fake("a", 1e-5, log);
  few.most_calls = 8;
  EXPECT_EQ(sample_in_turns({few}, rules, never)[0].calls(), 8);
  few.most_calls = 1000;
  few.multiple = 48;
  EXPECT_EQ(sample_in_turns({few}, rules, never)[0].calls(), 144);
}

TEST(Turns, SamplingEndsWhenMediansArePreciseAndNotBefore) {
  std::vector<std::string> log;
  Rules rules;
  rules.samples = 5;
  EXPECT_EQ(sample_in_turns({fake("a", 1, log)}, rules, never)[0].seconds().size(), 5u);
  int call = 0;
  const Contender noisy{"noisy", [&](int calls) {
                          const double seconds = (++call % 2 + 1.0) * calls;
                          return Duration{seconds, seconds};
                        }};
  rules.most_samples = 20;
  EXPECT_EQ(sample_in_turns({fake("a", 1, log), noisy}, rules, never)[0].seconds().size(), 20u);
}

TEST(Turns, ASignalEndsThemAfterTheCurrentSample) {
  std::vector<std::string> log;
  Rules rules;
  rules.samples = rules.most_samples = 1000;
  const auto samples = sample_in_turns({fake("a", 1, log)}, rules, [&] { return log.size() >= 20; });
  EXPECT_LE(samples[0].seconds().size(), 20u);
}

TEST(Turns, InputsAreRestoredBeforeEverySampleAndNotTimed) {
  std::vector<std::string> log;
  Contender one = fake("run", 1, log);
  one.before = [&] { log.push_back("before"); };
  Rules rules;
  rules.samples = rules.most_samples = 2;
  EXPECT_EQ(sample_in_turns({one}, rules, never)[0].median(), 1);
  for (std::size_t i = 0; i < log.size(); i += 2) {
    EXPECT_EQ(log[i], "before");
    EXPECT_EQ(log[i + 1], "run");
  }
}

TEST(Turns, TheFastestAreFound) {
  std::vector<std::string> log;
  const std::vector<Contender> all{fake("a", 3, log), fake("b", 1, log), fake("c", 2, log)};
  EXPECT_EQ(fastest(all, 2, never), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(fastest(all, 9, never), (std::vector<std::size_t>{1, 2, 0}));
}

/// Memory in 64-byte aligned lines, with a guard behind.
struct Bytes {
  Bytes(std::size_t bytes, unsigned char value) : size(bytes), all(bytes + 128, value) {
    const auto address = reinterpret_cast<std::uintptr_t>(all.data());
    data = all.data() + (64 - address % 64) % 64;
  }
  std::size_t size;
  std::vector<unsigned char> all;
  unsigned char* data;
};

/// Every byte of an output is written, none behind it, and no input changes.
void expect_moved(const std::vector<std::size_t>& inputs, const std::vector<std::size_t>& outputs) {
  std::vector<Bytes> in, out;
  for (const std::size_t size : inputs) in.emplace_back(size, 3);
  for (const std::size_t size : outputs) out.emplace_back(size, 0xee);
  std::vector<Stream> streams;
  for (Bytes& each : in) streams.push_back({each.data, each.size, false});
  for (Bytes& each : out) streams.push_back({each.data, each.size, true});
  const std::vector<Mover> all = movers(Device::cpu(), streams);
  EXPECT_GE(all.size(), 2u);
  for (const Mover& mover : all) {
    SCOPED_TRACE(mover.name);
    for (Bytes& each : out) std::fill(each.all.begin(), each.all.end(), 0xee);
    mover.move(streams, nullptr);
    for (const Bytes& each : in) EXPECT_EQ(std::count(each.all.begin(), each.all.end(), 3), static_cast<long>(each.all.size()));
    for (const Bytes& each : out) {
      EXPECT_EQ(std::count(each.data, each.data + each.size, 0xee), 0);
      EXPECT_EQ(std::count(each.all.begin(), each.all.end(), 0xee), static_cast<long>(each.all.size() - each.size));
    }
  }
}

TEST(Movers, MoveEveryByteOfEveryStreamAndNoOther) {
  for (const std::size_t size : {64u, 1000u, 4096u, 300000u, 1u << 20}) {
    SCOPED_TRACE(size);
    expect_moved({size}, {size});
    expect_moved({size, size}, {size});
    expect_moved({size, size}, {size, size});
    expect_moved({size, size, size}, {size});
    expect_moved({size}, {size, size / 32});
    expect_moved({size, size / 16}, {size, size});
    expect_moved({size / 8}, {size});
  }
}

TEST(Movers, ACopyIsAlsoMovedByMemcpyAndNothingElseIs) {
  Bytes a(4096, 1), b(4096, 2), c(4096, 3);
  const auto names = [](const std::vector<Stream>& streams) {
    std::string all;
    for (const Mover& mover : movers(Device::cpu(), streams)) all += mover.name + ";";
    return all;
  };
  EXPECT_EQ(names({{a.data, 4096, false}, {b.data, 4096, true}}),
            "plain copy;fetching copy;streaming copy by lines;streaming copy by blocks;memcpy;");
  EXPECT_EQ(names({{a.data, 4096, false}, {b.data, 4096, false}, {c.data, 4096, true}}),
            "plain copy;fetching copy;streaming copy by lines;streaming copy by blocks;");
  EXPECT_EQ(names({{a.data, 4096, false}, {b.data + 4, 2048, true}}), "plain copy;fetching copy;");
}

TEST(Stopwatch, TimesWhatItRuns) {
  int calls = 0;
  const Duration taken = stopwatch(
      Device::cpu(), [&](void*) { ++calls; }, false)();
  EXPECT_EQ(calls, 1);
  EXPECT_GT(taken.seconds, 0);
  EXPECT_EQ(taken.seconds, taken.host_seconds);
}

}  // namespace
}  // namespace rectify::harness
