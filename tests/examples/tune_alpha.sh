#!/usr/bin/env bash
# tune_alpha as people call it: an epoch with files, the same bits twice, a break by Ctrl-C and by --stop-after, and what it refuses.
# Usage: tune_alpha.sh PROGRAM     77 where Debian's dataset-fashion-mnist is not there.
set -euo pipefail
program=$(realpath "$1")
data=/usr/share/datasets/fashion-mnist
[ -e $data/train-images-idx3-ubyte.gz ] || { echo "no $data"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
small=(--device cpu --images 900 --hidden 16,8 --alphas 0,0.01 --batch 50 --seeds 1 --epochs 2)

fail() { echo "FAILED: $*" >&2; exit 1; }
# Usage: refused STATUS TEXT ARGUMENT...    the program ends with STATUS and says TEXT on stderr
refused() {
  local status=$1 text=$2 got=0
  shift 2
  "$program" "$@" >out.txt 2>err.txt || got=$?
  [ "$got" = "$status" ] || fail "$*: exit $got, expected $status: $(cat err.txt)"
  grep -qF -- "$text" err.txt || fail "$*: expected '$text', got: $(cat err.txt)"
}
# What of the JSON is not the figures.
figures() { grep -vE '"(command|date|seconds|commit)"' "$1"; }

"$program" "${small[@]}" --json whole.json --svg whole.svg >out.txt
grep -q 'learned, per channel: from 0.25 to' out.txt || fail "where the learned alphas ended is not said"
grep -q '</svg>' whole.svg || fail "no picture"
"$program" "${small[@]}" --json again.json >out.txt
cmp <(figures whole.json) <(figures again.json) || fail "other bits the second time"
OMP_NUM_THREADS=1 "$program" "${small[@]}" --json alone.json >out.txt
cmp <(figures whole.json | grep -v threads) <(figures alone.json | grep -v threads) || fail "other bits with one thread"

refused 130 'ended after step 17 of 24; --resume' "${small[@]}" --stop-after 17 --json part.json
"$program" --device cpu --resume --json resumed.json >out.txt
cmp <(figures whole.json) <(figures resumed.json) || fail "other bits after a break"

# Ctrl-C, whenever it comes. A shell's background jobs ignore it, unless told.
rm tune_alpha.state
long=(--device cpu --images 900 --hidden 16,8 --alphas 0,0.01 --batch 50 --seeds 1 --epochs 10000)
(trap - INT; exec "$program" "${long[@]}") >out.txt 2>err.txt &
pid=$!
for _ in $(seq 100); do grep -q networks out.txt && break; sleep 0.1; done
sleep 0.5
kill -INT $pid
got=0
wait $pid || got=$?
[ $got = 130 ] || fail "Ctrl-C: exit $got: $(cat err.txt)"
grep -q 'This run was ended early' out.txt || fail "Ctrl-C: no table"
refused 130 'ended after step' --device cpu --resume --stop-after 1

refused 1 '/dev/full: cannot be written: No space left on device (nothing is lost: --resume' "${small[@]}" --json /dev/full
"$program" --device cpu --resume --json kept.json >out.txt
cmp <(figures whole.json) <(figures kept.json) || fail "other bits after a full disk"
head -c 5000 tune_alpha.state >short.state
refused 1 'short.state: cannot be resumed: it is damaged or cut short' --resume --state short.state
refused 1 'none.state: cannot be read: No such file' --resume --state none.state
refused 2 '--alphas excludes --resume' --resume --alphas 1

refused 2 '--alphas' --alphas 0.1,x
refused 2 'expected finite numbers' --alphas 0.1,nan
refused 2 '--folds' --folds 1
refused 1 'do not fill one batch of 128' --images 100
refused 1 'nowhere/train-labels-idx1-ubyte.gz: no such file' --data nowhere
mkdir cut swapped fewer
ln -s $data/train-labels-idx1-ubyte.gz cut/
head -c 100000 $data/train-images-idx3-ubyte.gz >cut/train-images-idx3-ubyte.gz
refused 1 'cut/train-images-idx3-ubyte.gz: is ' --data cut
ln -s $data/train-labels-idx1-ubyte.gz swapped/train-images-idx3-ubyte.gz
ln -s $data/train-images-idx3-ubyte.gz swapped/train-labels-idx1-ubyte.gz
refused 1 'swapped/train-images-idx3-ubyte.gz: holds labels, not images' --data swapped
ln -s $data/train-images-idx3-ubyte.gz $data/t10k-labels-idx1-ubyte.gz fewer/
mv fewer/t10k-labels-idx1-ubyte.gz fewer/train-labels-idx1-ubyte.gz
refused 1 '10000 labels, but 60000 images' --data fewer
