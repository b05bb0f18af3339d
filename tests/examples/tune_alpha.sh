#!/usr/bin/env bash
# tune_alpha as people call it: figures and files, the same bits twice and after a break, signals, full disks and closed pipes, and
# what it rejects. Usage: tune_alpha.sh PROGRAM     77 if Debian's dataset-fashion-mnist is not there.
set -euo pipefail
source "$(dirname "$0")/checks.sh"
program=$(realpath "$1")
data=/usr/share/datasets/fashion-mnist
[ -e $data/train-images-idx3-ubyte.gz ] || { echo "no $data"; exit 77; }
work_in_a_new_folder
# shellcheck disable=SC2054
small=(--device cpu --images 900 --hidden 16,8 --alphas 0,0.01 --batch 50 --seeds 1 --epochs 2)
long=("${small[@]:0:10}" --epochs 10000)

# Usage: with OPTION VALUE    sets ${changed[@]} to the small run with another value
with() {
  local i
  changed=("${small[@]}")
  for i in "${!changed[@]}"; do [ "${changed[i]}" != "$1" ] || changed[i + 1]=$2; done
}
# The JSON without what may differ between two runs.
figures() { grep -vE '"(seconds|commit|threads)"' "$1" | tr -d ' \n' | sed 's/"arguments":\[[^]]*\],//'; }

"$program" "${small[@]}" --json whole.json >out.txt
grep -q 'learned, per channel: from 0.25 to' out.txt || fail "no line about learned alphas"
grep -q '"complete": true' whole.json || fail "a complete run is not marked"
"$program" --help >help.txt
fits_a_terminal help.txt
fits_a_terminal out.txt
grep -qE '; threads: [0-9]+, CPUs: [0-9]+$' out.txt || fail "no threads: $(cat out.txt)"
"$program" "${small[@]}" --json again.json >out.txt
cmp <(figures whole.json) <(figures again.json) || fail "other bits the second time"
OMP_NUM_THREADS=1 "$program" "${small[@]}" --json alone.json >out.txt
cmp <(figures whole.json) <(figures alone.json) || fail "other bits with one thread"

# A break, by --stop-after and by signals.
rejected 130 'ended after step 17 of 24; --resume' "${small[@]}" --stop-after 17 --json part.json
grep -q '"complete": false' part.json || fail "an unfinished run is not marked"
"$program" --device cpu --resume --json resumed.json >out.txt
cmp <(figures whole.json) <(figures resumed.json) || fail "other bits after a break"
for signal in INT TERM HUP; do
  rm -f tune_alpha.state
  begin threads: "${long[@]}" --json signal.json
  sleep 0.5
  waits_passively
  kill -$signal $pid
  ends_with $((128 + $(kill -l $signal)))
  grep -q 'This run was ended early' out.txt || fail "$signal: no table"
  grep -q '"complete": false' signal.json || fail "$signal: no JSON"
  rejected 130 'ended after step' --device cpu --resume --stop-after 1
done
# One step of seconds.
OMP_NUM_THREADS=1 begin threads: --device cpu --images 9000 --hidden 2048,2048 --alphas 0 --no-learned --batch 4000 --folds 2 --seeds 1
ends_at_once_by_a_second_interrupt
with --epochs 1000
(trap '' HUP; exec "$program" "${changed[@]}") >out.txt 2>err.txt & # as nohup does
pid=$!
sleep 0.5
kill -HUP $pid
wait $pid || fail "a signal that the caller ignores ended the run: $(cat err.txt)"

# What is computed is saved before anything is printed.
"$program" "${small[@]}" --json pipe.json --state pipe.state 2>err.txt | head -n 1 >/dev/null || true
cmp <(figures whole.json) <(figures pipe.json) || fail "a closed pipe lost the JSON"
grep -q 'cannot print: Broken pipe' err.txt || fail "a closed pipe: $(cat err.txt)"
[ -e pipe.state ] || fail "a closed pipe lost the state"
tells_of_a_full_disk "${small[@]}"
tells_of_a_full_disk --help

# Files are checked before the work begins, and written as a whole by each of several processes.
for option in --json --state; do
  rejected 1 'nowhere/x: cannot be written: No such file' "${long[@]}" $option nowhere/x
  rejected 1 "$work: cannot be written: Is a directory" "${long[@]}" $option "$work"
done
rejected 1 '/dev/full: cannot be written: No space left on device (nothing is lost: --resume' "${small[@]}" --json /dev/full
"$program" --device cpu --resume --json kept.json >out.txt
cmp <(figures whole.json) <(figures kept.json) || fail "other bits after a full disk"
cp whole.json old.json
(trap '' XFSZ; ulimit -f 1; rejected 1 'old.json: cannot be written: File too large (nothing is lost' "${small[@]}" --json old.json --state /dev/null)
cmp whole.json old.json || fail "a full disk spoilt the old file"
pids=()
for _ in 1 2 3 4; do
  "$program" "${small[@]}" --state shared.state >/dev/null 2>>shared.txt &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "processes with one state: $(cat shared.txt)"; done
"$program" --device cpu --resume --state shared.state --json shared.json >out.txt
cmp <(figures whole.json) <(figures shared.json) || fail "processes with one state: other bits"
[ -z "$(find . -name '*.part')" ] || fail "left behind: $(find . -name '*.part')"

# Paths may contain any bytes.
latin=$'d\xe9j\xe0'
ln -s $data "$latin"
"$program" "${small[@]}" --data "$latin" --json "$latin.json" --state "$latin.state" >out.txt
"$program" --device cpu --resume --state "$latin.state" --json "$latin.json" >out.txt
cmp <(figures whole.json | sed 's/"data":"[^"]*"//') <(figures "$latin.json" | sed 's/"data":"[^"]*"//') || fail "a path in Latin-1"

# Terminals: escapes and progress appear nowhere but on a terminal.
"$program" "${small[@]}" >out.txt 2>err.txt
[ ! -s err.txt ] || fail "progress in a file"
on_terminal() { TERM=$1 script -qec "stty cols 30; '$program' ${small[*]} >out.txt" /dev/null </dev/null; }
if command -v script >/dev/null; then
  [ -z "$(on_terminal dumb)" ] || fail "progress with TERM=dumb"
  on_terminal xterm >terminal.txt
  grep -q '100 %' terminal.txt || fail "no progress on a terminal"
  ! grep -q $'\033' terminal.txt || fail "escapes on a terminal"
  [ "$(tr -d '\r' <terminal.txt | awk '{ if (length > m) m = length } END { print m }')" -lt 30 ] || fail "progress is too wide"
fi

# States that are damaged, forged or of other data.
head -c 5000 shared.state >short.state
rejected 1 'short.state: cannot be resumed: it is damaged or cut short' --resume --state short.state
rejected 1 'none.state: cannot be read: No such file' --resume --state none.state
rejected 2 '--resume excludes --alphas' --resume --alphas 1
forged() { # Usage: forged TEXT ARGUMENT...    a state with a right checksum whose arguments are these
  local text=$1
  shift
  python3 - shared.state forged.state "$@" <<'P'
import json, struct, sys, zlib
line, bits = open(sys.argv[1], "rb").read()[:-4].split(b"\n", 1)
header = json.loads(line)
header["arguments"] = [list(a.encode()) for a in sys.argv[3:]]
text = json.dumps(header).encode() + b"\n" + bits
open(sys.argv[2], "wb").write(text + struct.pack("<I", zlib.crc32(text)))
P
  rejected 1 "forged.state: cannot be resumed: $text" --device cpu --resume --state forged.state
}
if command -v python3 >/dev/null; then
  for wrong in '--batch 0' '--seeds -3' '--hidden 1e18' '--epochs 99999999999' '--images -1'; do
    with ${wrong% *} ${wrong#* }
    forged "${wrong% *}: expected a number" "${changed[@]}"
  done
  with --hidden 17,8
  forged 'its size does not match its settings' "${changed[@]}"
  with --seeds 100
  forged 'the networks are too many or too large' "${changed[@]}"
  with --hidden 4096,4096,4096,4096,4096,4096,4096,4096
  forged 'the networks are too many or too large' "${changed[@]}"
  forged '' "${small[@]}" --nonsense
fi

# Memory, in addition to what a build with CUDA maps when it starts.
more=0
until (ulimit -v $((60000 + more)); "$program" --help) >/dev/null 2>&1; do more=$((more + 20000)); done
with --hidden 3000,3000
(ulimit -v $((900000 + more)); rejected 1 'out of memory: the networks need ' "${changed[@]}")
grep -qE 'need [0-9]+ MB, and [0-9]+ MB are free: try fewer' err.txt || fail "out of memory: $(cat err.txt)"
(ulimit -v $((900000 + more)); OMP_NUM_THREADS=8 rejected 1 'out of memory: OpenBLAS needs 128 MiB for each of 8 threads' "${small[@]}")
(ulimit -v $((70000 + more)); rejected 1 'does not fit into memory: it holds 47040000 bytes' "${small[@]}")

# Numbers that make no sense name their option.
rejected 2 '--alphas' --alphas 0.1,x
for wrong in '--alphas 0.1,nan' '--alphas 1e300' '--alphas inf' '--rate nan' '--rate inf' '--rate -1' '--rate 0' '--momentum nan' \
  '--momentum 1' '--momentum -0.1' '--seed -1' '--seed 18446744073709551616' '--stop-after -3' '--stop-after nan' '--folds 1' \
  '--folds 4294967298' '--seeds 0' '--images 0' '--epochs -1' '--batch 0' '--batch 1e9' '--hidden 0' '--hidden 64,99999'; do
  # shellcheck disable=SC2086
  rejected 2 "${wrong%% *}" $wrong
  [ "$(grep -oE -- '--[a-z-]+' err.txt)" = "${wrong%% *}" ] || fail "$wrong: names other options: $(cat err.txt)"
  [ "$(wc -c <err.txt)" -le 120 ] || fail "$wrong: a long message: $(cat err.txt)"
done
"$program" "${small[@]}" --rate 100 --no-learned >out.txt
grep -q '^All networks diverged, so no alpha can be called the best' out.txt || fail "all diverged: $(cat out.txt)"
! grep -q 'Best on average' out.txt || fail "a best of networks that diverged"

# Data that is wrong.
rejected 1 'do not fill one batch of 128' --images 100
rejected 1 'nowhere/train-labels-idx1-ubyte.gz: no such file' --data nowhere
mkdir cut swapped fewer
ln -s $data/train-labels-idx1-ubyte.gz cut/
head -c 100000 $data/train-images-idx3-ubyte.gz >cut/train-images-idx3-ubyte.gz
rejected 1 'cut/train-images-idx3-ubyte.gz: is ' --data cut
ln -s $data/train-labels-idx1-ubyte.gz swapped/train-images-idx3-ubyte.gz
ln -s $data/train-images-idx3-ubyte.gz swapped/train-labels-idx1-ubyte.gz
rejected 1 'swapped/train-images-idx3-ubyte.gz: holds labels, not images' --data swapped
ln -s $data/train-images-idx3-ubyte.gz $data/t10k-labels-idx1-ubyte.gz fewer/
mv fewer/t10k-labels-idx1-ubyte.gz fewer/train-labels-idx1-ubyte.gz
rejected 1 '10000 labels, but 60000 images' --data fewer
