// How programs that measure or train end: signals, closed pipes and full disks; and how their OpenMP threads wait.
#pragma once

#include <string>

namespace rectify::harness {

/// From here on Ctrl-C, SIGTERM and SIGHUP do not end the program, but are told by ending_signal(). A second Ctrl-C ends it at
/// once; other signals may come twice when a terminal is closed. Signals that the caller ignores stay ignored, as with nohup.
void watch_signals();
/// The signal that is to end the run; 0 if there is none.
int ending_signal();

/// To be called first in main(). OpenMP threads that spin for long while they wait are slow if others use the machine too: 34.7 s
/// instead of 5.4 s on two such cores. Threads that sleep at once wake up late: a call on 1 MiB took 73 us instead of 28 on a
/// virtual machine. OpenMP reads its environment before main(), so the program starts itself again, once, with
/// OMP_WAIT_POLICY=passive and, for GCC's runtime, GOMP_SPINCOUNT=10000, which is less than 0.1 ms; not if either is set. Also makes
/// printing to a closed pipe an error instead of the program's end.
void begin_program(char** argv);

/// Prints "PROGRAM: MESSAGE" to stderr. Returns the status.
int report_failure(const char* program, const std::string& message, int status);

/// To be called last in main(). Returns the status, or 1 instead of 0 if what was printed could not be written.
int status_after_printing(const char* program, int status);

}  // namespace rectify::harness
