// The caller's floating-point environment changes no result, and a call restores it in every thread.
// Each case runs in a thread of its own, with an OpenMP pool of its own, so that no later test runs in a changed environment.
#include "cases.hpp"
#include "whole_call.hpp"

#include <rectify/presets.hpp>

#include <omp.h>

#include <cfenv>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <tuple>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace rectify::test {
namespace {

using Values = WholeCall::Values;

/// A thread's environment, including its exception flags.
struct State {
  std::uint64_t control = 0, flags = 0;
  int rounding = 0, raised = 0;
};
bool operator==(const State& a, const State& b) {
  return a.control == b.control && a.flags == b.flags && a.rounding == b.rounding && a.raised == b.raised;
}
void PrintTo(const State& state, std::ostream* out) {
  *out << std::hex << "control " << state.control << " flags " << state.flags << " rounding " << state.rounding << " raised "
       << state.raised << std::dec;
}

State state() {
  State now;
#if defined(__SSE2__)
  std::uint16_t x87_control = 0;
  asm volatile("fnstcw %0" : "=m"(x87_control));
  now.control = static_cast<std::uint64_t>(x87_control) << 32 | (_mm_getcsr() & ~0x3fu);
  now.flags = _mm_getcsr() & 0x3fu;
#elif defined(__aarch64__)
  asm volatile("mrs %0, fpcr" : "=r"(now.control));
  asm volatile("mrs %0, fpsr" : "=r"(now.flags));
#endif
  now.rounding = std::fegetround();
  now.raised = std::fetestexcept(FE_ALL_EXCEPT);
  return now;
}

/// Subnormal numbers count as 0, as inputs and as results.
void flush_subnormals() {
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() | 0x8040u);
#elif defined(__aarch64__)
  std::uint64_t control = 0;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | std::uint64_t{1} << 24));
#endif
}

void trap() {
#if defined(__GLIBC__)
  feenableexcept(FE_ALL_EXCEPT);
#endif
}

void round_up_and_flush() {
  std::fesetround(FE_UPWARD);
  flush_subnormals();
}

/// Raises flags that must still be raised after the call. Not used if exceptions trap, as raising one would end the process.
void raise_some() { std::feraiseexcept(FE_DIVBYZERO | FE_INEXACT); }

struct Environment {
  const char* name;
  void (*set)();
};
void PrintTo(const Environment& environment, std::ostream* out) { *out << environment.name; }

const Environment environments[] = {
    {"Default", [] {}},
    {"RaisedFlags", raise_some},
    {"FlushToZero", flush_subnormals},
    {"Upward", [] { std::fesetround(FE_UPWARD); }},
    {"Downward", [] { std::fesetround(FE_DOWNWARD); }},
    {"TowardZero", [] { std::fesetround(FE_TOWARDZERO); }},
    {"Trapping", trap},
    {"UpwardFlushToZero", round_up_and_flush},
    {"UpwardFlushToZeroRaisedFlags", [] { raise_some(), round_up_and_flush(); }},
    {"UpwardFlushToZeroTrapping", [] { round_up_and_flush(), trap(); }},
};

/// Runs `work` in a new thread. `work` must restore the environment before it compares anything.
void in_own_thread(const std::function<void()>& work) { std::thread(work).join(); }

/// Reads the environments of all threads of a team; only state() runs in the team, so `states` has its size already.
/// A team of one is this thread without a parallel region, at which LLVM's OpenMP would clear the exception flags.
void read_states(std::vector<State>& states) {
  if (states.size() == 1) {
    states[0] = state();
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(states.size()))
  states[static_cast<std::size_t>(omp_get_thread_num())] = state();
}

class FloatEnvironment : public testing::TestWithParam<std::tuple<Environment, int>> {
 protected:
  /// The call gives `expected` in the environment of the case, and restores the environment of all threads. `is_warm`: the threads of the
  /// pool exist before, with the default environment; otherwise they inherit that of the case.
  void check(const std::function<Results()>& call, const Results& expected, bool is_warm) {
    const auto& [environment, threads] = GetParam();
    std::vector<State> before(static_cast<std::size_t>(threads)), after = before;
    Results got;
    in_own_thread([&, set = environment.set, team = threads] {
      omp_set_num_threads(team);
      if (is_warm) read_states(before);
      std::fenv_t own;
      std::fegetenv(&own);
      std::feclearexcept(FE_ALL_EXCEPT);
      set();
      read_states(before);
      got = call();
      read_states(after);
      std::fesetenv(&own);
    });
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i], before[i]) << "thread " << i << " of the team";
    EXPECT_TRUE(same_results(got, expected));
  }
};

/// Few elements, for which one thread is used; channels with long runs, whose sums are folded; channels next to each other.
const Shape shapes[] = {{5, 7}, {24, 6, 17, 23}, {6100, 9}};

TEST_P(FloatEnvironment, ChangesNoResultAndIsRestored) {
  for (const DType dtype : dtypes) {
    for (const Shape& shape : shapes) {
      for (const Values values : {Values::finite, Values::all}) {
        const WholeCall call(dtype, Placement(shape), values);
        const Results expected = call.run();
        for (const bool is_warm : {true, false}) {
          SCOPED_TRACE(name(dtype) + (is_warm ? ", warm" : ", cold") + (values == Values::all ? ", all values" : ", finite") +
                       ", rank " + std::to_string(shape.rank()) + " x " + std::to_string(shape[0]));
          check([&] { return call.run(); }, expected, is_warm);
          if (HasFailure()) return;
        }
      }
    }
  }
}

#if defined(__SSE2__)
/// Every rounding, with results flushed, inputs flushed, both or neither, and exceptions masked or not; x 1, 2 and 4 threads.
TEST(ControlWords, ChangeNoBit) {
  for (const DType dtype : dtypes) {
    const WholeCall call(dtype, Placement({24, 6, 17, 23}), Values::all);
    const Results expected = call.run();
    for (unsigned word = 0; word < 32; ++word) {
      const unsigned rounding = (word & 3) << 13, flush = (word >> 2 & 1) << 15, denormals = (word >> 3 & 1) << 6,
                     masks = (word >> 4) != 0 ? 0x1f80 : 0;
      const unsigned control = rounding | flush | denormals | masks;
      for (const int threads : {1, 2, 4}) {
        Results got;
        unsigned after = 0;
        in_own_thread([&] {
          omp_set_num_threads(threads);
          const unsigned own = _mm_getcsr();
          _mm_setcsr(control);
          got = call.run();
          after = _mm_getcsr();
          _mm_setcsr(own);
        });
        ASSERT_EQ(after, control) << threads << " threads";
        ASSERT_TRUE(same_results(got, expected))
            << name(dtype) << std::hex << ", control word " << control << ", " << threads << " threads";
      }
    }
  }
}
#endif

/// {1} if the call throws InvalidArgument. Its text is not compared.
template <class Call>
Bytes rejected(const Call& call) {
  try {
    call();
  } catch (const InvalidArgument&) {
    return {1};
  }
  return {0};
}

/// Calls with an invalid parameter, operand or workspace.
TEST_P(FloatEnvironment, IsRestoredAfterRejectedCalls) {
  std::vector<float> x(6, -1), y(6), bias(3);
  Forward f;
  f.x = ConstTensorView(x.data(), {2, 3}, Device::cpu());
  f.y = TensorView(y.data(), {2, 3}, Device::cpu());
  Forward no_bias = f;
  no_bias.bias = ConstTensorView(bias.data(), {2}, Device::cpu());
  Backward b;
  b.dy = b.x = f.x;
  b.dbias = TensorView(bias.data(), {3}, Device::cpu());
  const auto calls = [&] {
    Results all;
    const auto add = [&](const char* call, const Bytes& was_rejected) { all.push_back({call, "", DType::u1, was_rejected}); };
    add("forward, alpha", rejected([&] { forward(leaky_relu(1e300), f); }));
    add("forward, bias", rejected([&] { forward(leaky_relu(0.1), no_bias); }));
    add("backward, max_value", rejected([&] { backward({0.1, 0.3, 0.2}, b); }));
    add("backward, workspace", rejected([&] { backward(leaky_relu(0.1), b); }));
    add("workspace_bytes, threshold", rejected([&] { workspace_bytes({0.1, -1e300}, b); }));
    return all;
  };
  const Results expected = calls();
  for (const Result& each : expected) EXPECT_EQ(each.bytes, Bytes{1}) << each.call;
  check(calls, expected, true);
}

/// mask_dtype() and workspace_bytes(), which use the parameters but read no tensor.
TEST_P(FloatEnvironment, IsRestoredAfterQueries) {
  float x = 0;
  Forward f;
  f.x = ConstTensorView(&x, {1}, Device::cpu());
  Backward b;
  b.dy = b.x = f.x;
  b.dalpha = TensorView(&x, {1}, Device::cpu());
  const auto calls = [&] {
    Results all;
    // 1e-60 is 0 in float when rounded to nearest, so that one bit is enough for it.
    for (const double alpha : {0.1, 1e-60}) {
      const auto dtype = static_cast<unsigned char>(mask_dtype({alpha, 0, 6.1}, f));
      all.push_back({"mask_dtype", alpha == 0.1 ? "0.1" : "1e-60", DType::u1, {dtype}});
    }
    const auto bytes = static_cast<unsigned char>(workspace_bytes({0.1, 0.3, 6.1}, b));
    all.push_back({"workspace_bytes", "", DType::u1, {bytes}});
    return all;
  };
  check(calls, calls(), true);
}

INSTANTIATE_TEST_SUITE_P(Environments, FloatEnvironment,
                         testing::Combine(testing::ValuesIn(environments), testing::Values(1, 2, 4)), [](const auto& about) {
                           return std::string(std::get<0>(about.param).name) + "_" + std::to_string(std::get<1>(about.param));
                         });

}  // namespace
}  // namespace rectify::test
