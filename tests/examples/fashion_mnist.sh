#!/usr/bin/env bash
# fashion_mnist as people call it: its figures and their warnings, signals, full disks, closed pipes, memory, and files that it
# rejects. Usage: fashion_mnist.sh PROGRAM
set -euo pipefail
source "$(dirname "$0")/checks.sh"
program=$(realpath "$1")
export CUDA_VISIBLE_DEVICES= # the tests of memory are about the CPU's
work_in_a_new_folder

# Usage: images COUNT    images of 28 x 28 pixels: bytes of all values, such as those of a program
images() {
  # shellcheck disable=SC2059
  printf "\0\0\010\003\0\0\\x$(printf %x $(($1 / 256)))\\x$(printf %x $(($1 % 256)))\0\0\0\034\0\0\0\034"
  head -c $((784 * $1)) < <(while cat "$program"; do :; done 2>/dev/null)
}
images 600 >small
images 6000 >middle
images 60000 >large
gzip -k small

# Figures.
"$program" small.gz >out.txt 2>err.txt
[ "$(grep -cE '^[KP].* (f32|bf16) +(forward|backward) +[0-9.]+ +[0-9]+%[ ~] +[0-9.]+ +[0-9]+%[ !] equal$' out.txt)" = 16 ] ||
  fail "not 16 rows: $(cat out.txt)"
grep -qF 'Does relu(alpha=0.3) equal leaky_relu(0.3) bit for bit? f32: yes, bf16: yes' out.txt || fail "no answer: $(cat out.txt)"
fits_a_terminal out.txt
[ ! -s err.txt ] || fail "a good run: $(cat err.txt)"
OMP_NUM_THREADS=3 taskset -c "$(taskset -pc $$ | grep -oE '[0-9]+' | tail -n 1)" "$program" small >out.txt
grep -q '^threads: 3, CPUs: 1; medians of 9 samples$' out.txt || fail "conditions: $(cat out.txt)"
"$program" --help >help.txt 2>err.txt
grep -q 'usage: fashion_mnist \[IMAGES\]' help.txt || fail "--help"
[ ! -s err.txt ] || fail "--help: $(cat err.txt)"
fits_a_terminal help.txt
rejected 2 'usage: fashion_mnist [IMAGES]' --nonsense
rejected 2 'usage: fashion_mnist [IMAGES]' small small

# Others use the machine: the program is stopped again and again, until a row is marked.
begin bits middle
waits_passively
until grep -q '%~' out.txt || ! kill -STOP $pid 2>/dev/null; do
  sleep 0.01
  kill -CONT $pid 2>/dev/null || break
  sleep 0.005
done
grep -q '%~' out.txt || fail "no warning: $(cat out.txt)"
kill -INT $pid
ends_with 130

# Signals end it after the current step, or at once if Ctrl-C comes twice.
for signal in INT TERM HUP; do
  begin bits middle
  kill -$signal $pid
  ends_with $((128 + $(kill -l $signal)))
  grep -qx 'fashion_mnist: ended early, so rows are missing' err.txt || fail "$signal: $(cat err.txt)"
  ! grep -q '^spread' out.txt || fail "$signal: ended as if complete: $(cat out.txt)"
done
OMP_NUM_THREADS=1 begin bits large
ends_at_once_by_a_second_interrupt

# What cannot be printed is not computed.
tells_of_a_full_disk middle
tells_of_a_full_disk --help
got=0
timeout 20 "$program" large 2>err.txt | head -n 1 >/dev/null || got=$?
[ $got = 1 ] || fail "a closed pipe: exit $got"
[ "$(cat err.txt)" = 'fashion_mnist: cannot print: Broken pipe' ] || fail "a closed pipe: $(cat err.txt)"

# Memory. What is missing is not a package.
(ulimit -v 60000; rejected 1 'large: does not fit into memory: it holds 47040000 bytes' large)
! grep -q package err.txt || fail "out of memory: $(cat err.txt)"
(ulimit -v 500000; begin bits large; kill -INT $pid; ends_with 130)
grep -qE '^Memory suffices for the first [0-9]+ of 60000 images\.$' out.txt || fail "images are not left out: $(cat out.txt err.txt)"
printf '\0\0\010\003\0\0\020\0\0\0\004\0\0\0\004\0' >forged # 4 GiB
(ulimit -v 100000; rejected 1 'forged: is cut short: 4294967296 bytes are missing' forged)

# Files that are damaged, and unusual names.
rejected 1 'none: cannot be read: No such file' none
! grep -q package err.txt || fail "none: $(cat err.txt)"
rejected 1 '.: cannot be read: Is a directory' .
head -c 1000 small.gz >short.gz
rejected 1 'short.gz: is ' short.gz
{ cat small.gz; echo garbage; } >more.gz
rejected 1 'more.gz: has other data after its compressed data' more.gz
latin=$'d\xe9j\xe0'
mkfifo "$latin"
cat small.gz >"$latin" &
"$program" "$latin" >out.txt || fail "a pipe with a name in Latin-1"
