// The signal handler only notes the signal; programs ask for it between two steps of their work.
#include "process.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace rectify::harness {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

void watch_signals() {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int signal) {
    if (interrupted != 0 && signal == SIGINT) _exit(128 + signal);
    interrupted = signal;
  };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

int ending_signal() { return interrupted; }

void begin_program(char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("GOMP_SPINCOUNT", "10000", 1);
  execv("/proc/self/exe", argv);
}

int report_failure(const char* program, const std::string& message, int status) {
  std::fprintf(stderr, "%s: %s\n", program, message.c_str());
  return status;
}

int status_after_printing(const char* program, int status) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return report_failure(program, std::string("cannot print: ") + std::strerror(errno != 0 ? errno : EIO),
                        status == 0 ? 1 : status);
}

}  // namespace rectify::harness
