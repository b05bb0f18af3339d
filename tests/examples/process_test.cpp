// How programs end: by signals, and if what they print is lost.
#include "process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace rectify::harness {
namespace {

using testing::ExitedWithCode;

/// Whether the program can still end by itself after both signals, and knows which one came.
[[noreturn]] void receive(int first, int second) {
  watch_signals();
  std::raise(first);
  std::raise(second);
  _exit(ending_signal() == second ? 0 : 1);
}

TEST(Process, ASecondInterruptEndsItAtOnce) {
  EXPECT_EXIT(receive(SIGINT, SIGINT), ExitedWithCode(130), "");
  EXPECT_EXIT(receive(SIGTERM, SIGINT), ExitedWithCode(130), "");
}

TEST(Process, OtherSignalsMayComeTwice) {
  EXPECT_EXIT(receive(SIGTERM, SIGTERM), ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGHUP, SIGHUP), ExitedWithCode(0), "");
  EXPECT_EXIT(receive(SIGHUP, SIGTERM), ExitedWithCode(0), "");
}

TEST(Process, SignalsThatTheCallerIgnoresStayIgnored) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto ignore = [&] {
      std::signal(signal, SIG_IGN);
      watch_signals();
      std::raise(signal);
      std::raise(signal);
      _exit(ending_signal());
    };
    EXPECT_EXIT(ignore(), ExitedWithCode(0), "");
  }
}

[[noreturn]] void print_to(const char* file, int status) {
  setenv("OMP_WAIT_POLICY", "active", 1);  // begin_program would start the tests again
  begin_program(nullptr);
  static_cast<void>(std::freopen(file, "w", stdout));
  std::puts("text");
  _exit(status_after_printing("program", status));
}

TEST(Process, TellsOfWhatCannotBePrinted) {
  EXPECT_EXIT(print_to("/dev/null", 0), ExitedWithCode(0), "^$");
  EXPECT_EXIT(print_to("/dev/null", 2), ExitedWithCode(2), "^$");
  EXPECT_EXIT(print_to("/dev/full", 0), ExitedWithCode(1), "^program: cannot print: No space left on device\n$");
  EXPECT_EXIT(print_to("/dev/full", 130), ExitedWithCode(130), "^program: cannot print: No space left on device\n$");
}

TEST(Process, LeavesTheCallersWaitPolicy) {
  const auto begin = [] {
    setenv("OMP_WAIT_POLICY", "active", 1);
    begin_program(nullptr);
    std::raise(SIGPIPE);
    _exit(std::string(std::getenv("OMP_WAIT_POLICY")) == "active" ? 0 : 1);
  };
  EXPECT_EXIT(begin(), ExitedWithCode(0), "");
}

}  // namespace
}  // namespace rectify::harness
