# Sourced by the tests that run a program: what programs have in common. $program is the program, and the working directory is empty.
# shellcheck shell=bash disable=SC2086,SC2154
unset OMP_WAIT_POLICY # the programs decide how OpenMP's threads wait

# Usage: work_in_a_new_folder    and removes it when the test ends, with what still runs
work_in_a_new_folder() {
  work=$(mktemp -d)
  trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
  cd "$work" || exit
}
fail() { echo "FAILED: $*" >&2; exit 1; }
# Usage: rejected STATUS TEXT ARGUMENT...    the program ends with STATUS and prints TEXT on stderr
rejected() {
  local status=$1 text=$2 got=0
  shift 2
  "$program" "$@" >out.txt 2>err.txt || got=$?
  [ "$got" = "$status" ] || fail "$*: exit $got, expected $status: $(cat err.txt)"
  grep -qF -- "$text" err.txt || fail "$*: expected '$text', got: $(cat err.txt)"
}
# Usage: fits_a_terminal FILE
fits_a_terminal() {
  [ "$(awk '{ if (length > m) m = length } END { print m + 0 }' "$1")" -le 79 ] || fail "wider than 79 columns: $(cat "$1")"
  ! grep -q $'\033' "$1" || fail "escapes: $(cat "$1")"
}
# Usage: tells_of_a_full_disk ARGUMENT...
tells_of_a_full_disk() {
  local got=0
  "$program" "$@" >/dev/full 2>err.txt || got=$?
  [ $got = 1 ] || fail "$* on a full disk: exit $got"
  grep -qx '[a-z_-]*: cannot print: No space left on device' err.txt || fail "$* on a full disk: $(cat err.txt)"
}
# Usage: begin TEXT ARGUMENT...    starts the program with $pid, until it prints TEXT. A shell's background jobs ignore Ctrl-C, unless
# told otherwise.
begin() {
  local text=$1
  shift
  rm -f out.txt
  (exec env --default-signal=INT,TERM,HUP "$program" "$@") >out.txt 2>err.txt &
  pid=$!
  for _ in $(seq 100); do
    if grep -qF -- "$text" out.txt 2>/dev/null; then return; fi
    sleep 0.1
  done
  fail "$*: no '$text' after 10 s: $(cat out.txt err.txt)"
}
# Usage: ends_with STATUS
ends_with() {
  local got=0
  wait $pid || got=$?
  [ $got = "$1" ] || fail "exit $got, expected $1: $(cat err.txt)"
}
# Usage: ends_at_once_by_a_second_interrupt    of the program that runs
ends_at_once_by_a_second_interrupt() {
  kill -INT $pid
  sleep 0.3
  kill -INT $pid 2>/dev/null || fail "the step is too short: $(cat out.txt)"
  ends_with 130
  [ ! -s err.txt ] || fail "the second Ctrl-C was not the end: $(cat err.txt)"
}
# Usage: waits_passively    the threads of the program that runs
waits_passively() {
  tr '\0' '\n' </proc/$pid/environ | grep -qx OMP_WAIT_POLICY=passive || fail "threads that wait are busy"
}
