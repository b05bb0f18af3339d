#!/usr/bin/env bash
# Measures the CPU tables and pictures of docs/performance.md again: bench/measure.sh [--quick] [NAME]. About four minutes on two cores.
#
# Runs rectify-bench of the preset release (or RECTIFY_BENCH) into bench/results/NAME, then bench/tables.py and bench/plot.py. NAME is made
# from the machine by default. --quick measures next to nothing, to try the scripts, and writes to build/measure (or MEASURE_OUT) instead
# of the repository.
set -euo pipefail
CDPATH= cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

quick=""
if [ "${1:-}" = --quick ]; then quick=yes; shift; fi
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
  echo "usage: bench/measure.sh [--quick] [NAME]" >&2
  exit 2
fi
stop() { echo "measure.sh: $*" >&2; exit 2; }

python=${PYTHON:-python3}
bench=${RECTIFY_BENCH:-build/release/bench/rectify-bench}
[ -x "$bench" ] || stop "there is no $bench: build it with cmake --preset release && cmake --build build/release --target rectify-bench"
with_pictures=yes
if ! "$python" -c 'import matplotlib' 2>/dev/null; then
  [ -n "$quick" ] || stop "the pictures need matplotlib (Debian: python3-matplotlib)"
  with_pictures=""
fi

name=${1:-$("$bench" info --device cpu --json | "$python" -B bench/records.py name)}
[[ $name =~ ^[a-z0-9][a-z0-9.-]*$ ]] || stop "'$name' is not a name of lower-case letters, digits, dots and hyphens"
root=.
how=(--device cpu)
if [ -n "$quick" ]; then
  root=${MEASURE_OUT:-build/measure}
  how+=(--samples 2 --seconds 0)
  mkdir -p "$root/docs"
  cp docs/performance.md "$root/docs"
fi
out=$root/bench/results/$name
out=${out#./}
mkdir -p "$out"

# Usage: measure FILE OPTION...
measure() {
  echo "measure.sh: $out/$1"
  "$bench" run "${how[@]}" "${@:2}" --json "$out/$1" >/dev/null ||
    stop "rectify-bench ended with status $?, and $out/$1 may be incomplete"
}

# --quick keeps the kinds of cases and shrinks their tensors.
beside=(--baseline loop,eigen,onednn,torch)
if [ -z "$quick" ]; then
  measure ops.json --short
  measure peers-hot.json "${beside[@]}" --dtype f32,bf16 --max 1M --hot
  measure peers-cold.json "${beside[@]}" --dtype f32,bf16 --max 64M --cold
  measure sizes.json --op forward,backward,bias_backward_dbias --dtype f32,bf16 --min 4K --max 256M --factor 4 --hot
  measure small.json "${beside[@]}" --op forward,backward,bias_forward --dtype f32 --min 256 --max 256K --factor 4 --hot
else
  measure ops.json --dtype f32 --max 64K --cold
  measure peers-hot.json "${beside[@]}" --op forward,backward --dtype f32,bf16 --max 64K --hot
  measure peers-cold.json "${beside[@]}" --op forward,backward --dtype f32,bf16 --max 64K --cold
  measure sizes.json --op forward,backward,bias_backward_dbias --dtype f32,bf16 --min 4K --max 64K --factor 4 --hot
  measure small.json "${beside[@]}" --op forward,backward,bias_forward --dtype f32 --min 256 --max 4K --factor 4 --hot
fi

if [ -n "$with_pictures" ]; then "$python" -B bench/plot.py --root "$root" "$out"; fi
"$python" -B bench/tables.py --root "$root" "$out"
