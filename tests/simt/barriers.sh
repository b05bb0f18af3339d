#!/usr/bin/env bash
# Takes each barrier out of the sums' kernels in turn, and out of a copy; the race test must then fail, or nothing holds that barrier.
# Usage: barriers.sh CXX SOURCE_DIR
set -euo pipefail
cxx=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {  # build SOURCE_DIR PROGRAM
  local flags=(-std=c++17 -O1 -g -ffp-contract=off -Wno-unknown-pragmas
    -I "$1" -I "$1/include" -I "$1/host" -I "$1/tests/simt" -I "$1/tests/simt/include")
  "$cxx" "${flags[@]}" -DSIMT_TSAN -c "$1/tests/simt/simt.cpp" -o "$2.o"
  "$cxx" "${flags[@]}" -fsanitize=thread "$1/tests/simt/race_test.cpp" "$1/host/layout.cpp" "$1/host/tensor_view.cpp" "$2.o" \
    -lgtest -lgtest_main -o "$2"
}

sources="include core host cuda tests/simt"
lines=$(grep -n '__syncthreads();' "$root/cuda/sums_kernel.cuh" | cut -d: -f1)
[ -n "$lines" ] || { echo "no barrier was found"; exit 1; }
for line in $lines; do
  mkdir -p "$work/$line/tests"
  for each in $sources; do cp -r "$root/$each" "$work/$line/$each"; done
  sed -i "${line}d" "$work/$line/cuda/sums_kernel.cuh"
  build "$work/$line" "$work/$line/race" &
  [ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
done
wait
failed=0
for line in $lines; do
  if "$work/$line/race" >"$work/log" 2>&1; then
    echo "cuda/sums_kernel.cuh:$line: the race test does not miss this barrier"
    failed=1
  else
    echo "cuda/sums_kernel.cuh:$line: missed, $(grep -c 'WARNING: ThreadSanitizer: data race' "$work/log") reports"
  fi
done
exit "$failed"
