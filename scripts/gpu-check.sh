#!/usr/bin/env bash
# What to run on a machine with an NVIDIA GPU; see docs/gpu.md. Needs no network and no package manager.
# Usage: scripts/gpu-check.sh OUT [test|sanitize|bench|peers]     all four without one; results go to OUT, a folder
#   RECTIFY_PREBUILT=DIR      run the binaries in DIR and build nothing
#   RECTIFY_GTEST_SOURCE=DIR  build with GoogleTest's sources in DIR, where its package is not installed
set -euo pipefail
[ $# -ge 1 ] && [ $# -le 2 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd) part=${2:-all}
case $part in all | test | sanitize | bench | peers) ;; *) echo "gpu-check: no part called $part" >&2; exit 2 ;; esac
cd "$(dirname "$0")/.."
command -v nvidia-smi >/dev/null || { echo "gpu-check: no nvidia-smi, so no GPU" >&2; exit 1; }
PATH=$PATH:/usr/local/cuda/bin

{
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,clocks.max.memory --format=csv,noheader
  nvcc --version 2>/dev/null | tail -n 2 || echo "no nvcc on this machine"
  echo "commit $(git describe --always --dirty --abbrev=12 2>/dev/null || echo "${RECTIFY_COMMIT:-unknown}")"
  date -u +%Y-%m-%dT%H:%M:%SZ
} | tee "$out/machine.txt"

if [ -n "${RECTIFY_PREBUILT:-}" ]; then
  tests=$RECTIFY_PREBUILT bench=$RECTIFY_PREBUILT
else
  tests=build/gpu/tests bench=build/gpu/bench
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
  cmake -S . -B build/gpu -DCMAKE_BUILD_TYPE=Release -DRECTIFY_CUDA=ON -DRECTIFY_EXAMPLES=OFF \
    -DCMAKE_CUDA_ARCHITECTURES="$capability-real" -DRECTIFY_GTEST_SOURCE="${RECTIFY_GTEST_SOURCE:-}" >"$out/build.txt"
  cmake --build build/gpu --parallel --target rectify_tests rectify_gpu_tests rectify_slow_tests rectify_thrust_tests rectify-bench >>"$out/build.txt"
fi

# A run in which everything was skipped must not look like one that passed.
seen=$("$tests/rectify_tests" --gtest_list_tests)
grep -q '/cuda' <<<"$seen" || { echo "gpu-check: the tests see no GPU (driver, or binaries of another build)" >&2; exit 1; }

failed=0
# Runs a command with its output to a file too; a failure is counted and the rest goes on.
step() {
  local log=$1
  shift
  echo "== $*" | tee -a "$log"
  "$@" 2>&1 | tee -a "$log" | tail -n 4 || { failed=1; echo "gpu-check: FAILED: $*" | tee -a "$log" >&2; }
}

run_test() {
  : >"$out/test.txt"
  step "$out/test.txt" "$tests/rectify_gpu_tests"
  step "$out/test.txt" "$tests/rectify_thrust_tests"
  step "$out/test.txt" "$tests/rectify_tests" --gtest_brief=1
  step "$out/test.txt" "$tests/rectify_tests" --gtest_brief=1 --gtest_filter='*SumsBits.AreTheSameEveryTime/cuda' --gtest_repeat=20
  step "$out/test.txt" "$tests/rectify_slow_tests" --gtest_filter='*/cuda'
}

# Small tests alone: a sanitizer costs a factor of ten to a hundred. Blocks of tensors are shared, so memcheck cannot see past the end
# of each; the guard bytes of the tests do, and padding catches what leaves a block.
run_sanitize() {
  local small='*Ops.InPlace*/cuda:*Ops.NoElements*/cuda:*Ops.RankZero*/cuda:*Ops.TensorsDense*/cuda:*Operands.*/cuda' tool
  small=$small:'*Fuzz.AnyLargeCall*/cuda_0:*Masks.BitsCount*/cuda:*Masks.Large*/cuda:*Sums.OfACall*/cuda:*Sums.OfNo*/cuda'
  : >"$out/sanitize.txt"
  for tool in "memcheck --padding 512 --leak-check no" "racecheck" "initcheck" "synccheck"; do
    # shellcheck disable=SC2086  # a tool and its options
    step "$out/sanitize.txt" compute-sanitizer --tool $tool --error-exitcode 1 "$tests/rectify_tests" --gtest_brief=1 --gtest_filter="$small"
    # shellcheck disable=SC2086
    step "$out/sanitize.txt" compute-sanitizer --tool $tool --error-exitcode 1 "$tests/rectify_gpu_tests" --gtest_brief=1 --gtest_filter='*Graph*:*Stream*'
  done
}

run_bench() {
  : >"$out/bench.txt"
  # Bound by launches, in the L2 cache, and by memory.
  step "$out/bench.txt" "$bench/rectify-bench" --device cuda --min-bytes 64K --max-bytes 16M --factor 16 --json "$out/bench.json"
  step "$out/bench.txt" "$bench/rectify-bench" --device cuda --min-bytes 1G --max-bytes 1G --json "$out/bench_large.json"
}

run_peers() {
  echo "no peers are built yet" | tee "$out/peers.txt"
}

for each in test sanitize bench peers; do
  if [ "$part" = all ] || [ "$part" = "$each" ]; then "run_$each"; fi
done
[ "$failed" -eq 0 ] && echo "gpu-check: all passed"
exit "$failed"
