#!/usr/bin/env bash
# Removes one barrier at a time from a copy of the kernels. The race test must fail without it; otherwise no test needs the barrier.
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
places=$(cd "$root" && grep -n '__syncthreads();' cuda/*.cuh | cut -d: -f1,2)
[ -n "$places" ] || { echo "no barrier was found"; exit 1; }
for place in $places; do
  copy=$work/$(basename "$place")
  mkdir -p "$copy/tests"
  for each in $sources; do cp -r "$root/$each" "$copy/$each"; done
  sed -i "${place#*:}d" "$copy/${place%:*}"
  build "$copy" "$copy/race" &
  [ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
done
wait
failed=0
for place in $places; do
  "$work/$(basename "$place")/race" >"$work/log" 2>&1 || true
  reports=$(grep -c 'WARNING: ThreadSanitizer: data race' "$work/log") || true
  echo "$place: $reports reports of races without this barrier"
  [ "$reports" -gt 0 ] || failed=1
done
exit "$failed"
