// The library in threads with small stacks, in teams of the caller's and in forked processes: the results of the main thread of the first
// process.
#include "cases.hpp"
#include "whole_call.hpp"

#include <omp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <functional>
#include <string>
#include <tuple>

namespace rectify::test {
namespace {

using Values = WholeCall::Values;

/// Sets the number of OpenMP threads for this thread, and restores it when destroyed.
class OmpThreads {
 public:
  explicit OmpThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~OmpThreads() { omp_set_num_threads(before_); }
  OmpThreads(const OmpThreads&) = delete;
  OmpThreads& operator=(const OmpThreads&) = delete;

 private:
  int before_;
};

constexpr std::size_t stack_bytes = 128 << 10;  // the default of musl
constexpr unsigned char pattern = 0x5a;

/// A stack without a guard page. The memory below it shows whether a frame went beyond its end.
class ExposedStack {
 public:
  ExposedStack() {
    memory_ = mmap(nullptr, all_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ != MAP_FAILED) std::fill_n(static_cast<unsigned char*>(memory_), all_bytes, pattern);
  }
  ~ExposedStack() {
    if (memory_ != MAP_FAILED) munmap(memory_, all_bytes);
  }
  ExposedStack(const ExposedStack&) = delete;
  ExposedStack& operator=(const ExposedStack&) = delete;

  bool is_there() const { return memory_ != MAP_FAILED; }
  void* lowest() const { return static_cast<char*>(memory_) + below_bytes; }

  /// Bytes from the upper end of the stack down to the lowest byte that was written.
  std::size_t used() const {
    const auto* const begin = static_cast<const unsigned char*>(memory_);
    const auto* const end = begin + all_bytes;
    return static_cast<std::size_t>(end - std::find_if(begin, end, [](unsigned char byte) { return byte != pattern; }));
  }

 private:
  static constexpr std::size_t below_bytes = 2 << 20, all_bytes = below_bytes + stack_bytes;
  void* memory_;
};

void* start(void* work) {
  (*static_cast<const std::function<void()>*>(work))();
  return nullptr;
}

/// Runs `work` in a thread with a small stack: `stack`, or an ordinary one if it is null.
void in_small_thread(const ExposedStack* stack, const std::function<void()>& work) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(stack == nullptr ? pthread_attr_setstacksize(&attributes, stack_bytes)
                             : pthread_attr_setstack(&attributes, stack->lowest(), stack_bytes),
            0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, start, const_cast<std::function<void()>*>(&work)), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

struct StackCase {
  const char* name;
  Placement in, out;
  int threads;
};
void PrintTo(const StackCase& c, std::ostream* out) { *out << c.name; }

Placement dense(const Shape& shape, int offset = 0) { return {shape, offset}; }

/// Periods of parameters, chains of sums, folded runs, tiles of strided and of misaligned tensors, streamed stores.
const StackCase stack_cases[] = {
    {"SmallRows", dense({64, 100}), dense({64, 100}), 4},
    {"LongRows", dense({3, 9001}), dense({3, 9001}), 4},
    {"ManyRows", dense({9001, 24}), dense({9001, 24}), 2},
    {"Images", dense({40, 64, 28, 28}), dense({40, 64, 28, 28}), 1},
    {"ImagesInThreads", dense({40, 64, 28, 28}), dense({40, 64, 28, 28}), 2},
    {"MisalignedImages", dense({20, 64, 28, 28}, 1), dense({20, 64, 28, 28}, 3), 2},
    {"SmallWithGaps", {{3, 10, 301}, {7000, 700, 2}}, {{3, 10, 301}, {7000, 700, 2}}, 1},
    {"WithGaps", {{3, 40, 301}, {28000, 700, 2}}, {{3, 40, 301}, {28000, 700, 2}}, 2},
    {"ChannelsLast", {{3, 40, 301}, {12040, 1, 40}}, {{3, 40, 301}, {12040, 1, 40}}, 2},
    {"Transposed", {{300, 401}, {1, 300}}, dense({300, 401}), 2},
    {"Broadcast", {{4, 64, 2048}, {0, 2048, 1}}, dense({4, 64, 2048}), 2},
};

class SmallStack : public testing::TestWithParam<std::tuple<DType, StackCase>> {};

TEST_P(SmallStack, GivesTheSameResultsAndIsNotOverrun) {
  const auto& [dtype, c] = GetParam();
  const OmpThreads default_threads(2);
  const WholeCall call(dtype, c.in, c.out, Values::finite);
  const Results expected = call.run();
  const ExposedStack stack;
  ASSERT_TRUE(stack.is_there());
  Results got;
  const int threads = c.threads;
  ASSERT_NO_FATAL_FAILURE(in_small_thread(&stack, [&] {
    omp_set_num_threads(threads);
    got = call.run();
  }));
  EXPECT_LE(stack.used(), stack_bytes) << "memory below the thread's stack was written";
  RecordProperty("stack_bytes", static_cast<int>(stack.used()));
  EXPECT_TRUE(same_results(got, expected));
}

INSTANTIATE_TEST_SUITE_P(Calls, SmallStack, testing::Combine(testing::ValuesIn(dtypes), testing::ValuesIn(stack_cases)),
                         [](const auto& about) {
                           return name(std::get<0>(about.param)) + "_" + std::get<1>(about.param).name;
                         });

/// The call is too small for threads of its own. If it waited for its team, it would wait for the caller's.
TEST(CallersTeam, AllowsACallFromOneOfItsThreads) {
  const WholeCall call(DType::f32, dense({64, 100}), Values::finite);
  const Results expected = call.run();
  Results got;
#pragma omp parallel num_threads(2)
  {
    if (omp_get_thread_num() == 0) got = call.run();
  }
  EXPECT_TRUE(same_results(got, expected));
}

/// A stack with a guard page, as threads usually have.
TEST(OrdinarySmallStack, GivesTheSameResults) {
  const OmpThreads default_threads(2);
  for (const DType dtype : dtypes) {
    const WholeCall call(dtype, dense({5, 9001}), Values::finite);
    Results got;
    ASSERT_NO_FATAL_FAILURE(in_small_thread(nullptr, [&] { got = call.run(); }));
    EXPECT_TRUE(same_results(got, call.run()));
  }
}

/// Exit codes of a child.
enum Child : int { equal, different, rejected, grandchild_failed };

/// How the child ended, as text: "exit 0" is success. It is killed after `seconds`.
std::string wait_for(pid_t child, int seconds) {
  int status = 0;
  for (int tick = 0; tick < seconds * 100; ++tick) {
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? "exit " + std::to_string(WEXITSTATUS(status)) : "signal " + std::to_string(WTERMSIG(status));
    }
    usleep(10000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return "it did not return, and was killed";
}

/// Compares the results with those of the parent.
Child compared(const WholeCall& call, const Results& expected) {
  try {
    return same_results(call.run(), expected) ? equal : different;
  } catch (const std::exception&) {
    return rejected;
  }
}

/// 2^20 elements are enough for two threads; the parent's call creates OpenMP's pool before the fork.
class Fork : public testing::Test {
 protected:
  const OmpThreads two{2};
  const WholeCall call{DType::f32, Placement({1 << 10, 1 << 10}), Values::finite};
  const Results expected = call.run();
};

TEST_F(Fork, ChildGivesTheSameResults) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(compared(call, expected));
  EXPECT_EQ(wait_for(child, 20), "exit 0");
  EXPECT_EQ(compared(call, expected), equal) << "in the parent, afterwards";
}

TEST_F(Fork, GrandchildGivesTheSameResults) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Child own = compared(call, expected);
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(compared(call, expected));
    if (own != equal) _exit(own);
    _exit(grandchild > 0 && wait_for(grandchild, 8) == "exit 0" ? equal : grandchild_failed);
  }
  EXPECT_EQ(wait_for(child, 20), "exit 0");
}

/// The first call after the fork comes from a thread that did not fork.
TEST_F(Fork, ThreadsOfTheChildGiveTheSameResults) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Child in_thread = rejected;
    in_small_thread(nullptr, [&] {
      omp_set_num_threads(2);
      in_thread = compared(call, expected);
    });
    _exit(in_thread);
  }
  EXPECT_EQ(wait_for(child, 20), "exit 0");
}

}  // namespace
}  // namespace rectify::test
