#!/usr/bin/env bash
# Compiles every kernel for one architecture and rejects: spills, local memory, double arithmetic in the f32 kernels (ptxas warnings
# as errors), more kernels than the budget, more registers than tests/cuda/registers.txt allows, and PTX with forbidden instructions or
# without 128-bit accesses in kernels that move packs.
# Usage: kernel_gate.sh NVCC SOURCE_DIR ARCHITECTURE [print]     print: prints the lines for tests/cuda/registers.txt without checking them
# KERNEL_PTX=DIR uses the PTX that a build for this architecture only has left in DIR, and compiles it to machine code.
set -euo pipefail
nvcc=$1 root=$2 arch=$3 print=${4:-} budget=200
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
listed=$("$nvcc" --list-gpu-arch)
grep -qx "compute_$arch" <<<"$listed" || { echo "sm_$arch: unknown to this nvcc"; exit 77; }
flags=(-std=c++17 -O3 -fmad=false -arch="sm_$arch" -I "$root" -I "$root/include")
warnings=-warn-spills,-warn-lmem-usage,-Werror

failed=0
fail() { echo "sm_$arch: $*" >&2; failed=1; }

# Compiles to machine code, for the registers, and keeps the PTX.
compile() {
  local name input=$1 strict=$warnings,-warn-double-usage
  name=$(basename "$1" .cu)
  case $name in *_f64) strict=$warnings ;; esac
  mkdir "$out/$name"
  if [ -n "${KERNEL_PTX:-}" ]; then
    input=$out/$name/$name.ptx
    cp "$KERNEL_PTX/$name.ptx" "$input" || { touch "$out/$name.rejected"; return; }
  fi
  "$nvcc" "${flags[@]}" --keep --keep-dir "$out/$name" -Xptxas -v,"$strict" -cubin "$input" -o "$out/$name.cubin" 2>"$out/$name.log" ||
    touch "$out/$name.rejected"
}
for source in "$root"/cuda/*.cu; do
  compile "$source" &
  [ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
done
wait
for source in "$root"/cuda/*.cu; do
  name=$(basename "$source" .cu)
  [ ! -e "$out/$name.rejected" ] || { c++filt <"$out/$name.log" | grep -E 'warning|error' >&2; fail "$name: ptxas rejects it"; }
done

# Short names for spaces: Dense and Rows (strided) for packs of 16 bytes, Halves and HalfRows for packs of 8, Strided for single elements;
# WalkedDense and so on for those whose threads walk (cuda/walk.cuh).
cat >"$out/spaces.sed" <<'end'
s/rectify::detail:://g
s/(Store)0/s/g
s/Dense<\([a-z0-9]*\), Pack<[a-z0-9]*, 16, s> >/Dense<\1>/g
s/Dense<\([a-z0-9]*\), Pack<[a-z0-9]*, 8, s> >/Halves<\1>/g
s/Strided<\([a-z0-9]*\), Pack<[a-z0-9]*, 16, s> >/Rows<\1>/g
s/Strided<\([a-z0-9]*\), Pack<[a-z0-9]*, 8, s> >/HalfRows<\1>/g
s/Strided<\([a-z0-9]*\), Single<[a-z0-9]*> >/Strided<\1>/g
s/Walked<\([A-Za-z]*<[a-z0-9]*>\) >/Walked\1/g
end

# "ForwardOp<float> WithBias U1 Dense<bf16> 40": op, operand set, sums if any, mask, space, registers.
cat "$out"/*.log | c++filt | sed -f "$out/spaces.sed" | awk '
  /Compiling entry function/ {
    match($0, /[a-z_]*_kernel<.*>\(/); n = split(substr($0, RSTART, RLENGTH - 2), a, /[ ]*, |_kernel</); sub(/ $/, "", a[n])
    name = a[1] == "elementwise" ? a[2] : a[1] " " a[2]
    for (i = 3; i <= n; i++) if (i != n - 1) name = name " " a[i]
  }
  /Used [0-9]+ registers/ { match($0, /Used [0-9]+/); print name, substr($0, RSTART + 5, RLENGTH - 5) }' | sort >"$out/registers"
if [ "$print" = print ]; then sed "s/^/sm_$arch /" "$out/registers"; exit "$failed"; fi

kernels=$(wc -l <"$out/registers")
[ "$kernels" -gt 0 ] || fail "no kernel was found"
[ "$kernels" -le "$budget" ] || fail "$kernels kernels, the budget is $budget"
# The compiler chooses registers, so the table is valid only for the release of nvcc that it was made with.
if grep -q "^# nvcc $("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')$" "$root/tests/cuda/registers.txt"; then
  while read -r line; do
    kernel="sm_$arch ${line% *}" used=${line##* }
    allowed=$(awk -v kernel="$kernel" 'index($0, kernel " ") == 1 { print $NF }' "$root/tests/cuda/registers.txt")
    [ -n "$allowed" ] || { fail "not in tests/cuda/registers.txt: $kernel $used"; continue; }
    [ "$used" -le "$allowed" ] || fail "$kernel uses $used registers, tests/cuda/registers.txt allows $allowed (raise it only on purpose)"
  done <"$out/registers"
fi

# One file per kernel.
cat "$out"/*/*.ptx | c++filt | awk -v out="$out" '/\.entry/ { n++; file = out "/kernel" n } file { print > file } /^}/ { file = "" }'
[ "$(find "$out" -maxdepth 1 -name 'kernel*' | wc -l)" = "$kernels" ] || fail "not every kernel has its PTX looked into"
for kernel in "$out"/kernel*; do
  name=$(sed -n '1s/.* \(void \)\?\([a-z:_]*_kernel<.*>\)(.*/\2/p' "$kernel" | sed -f "$out/spaces.sed" -e 's/^elementwise_kernel<\(.*\)>$/\1/')
  if grep -qE 'Dense<|Halves<|Rows<' <<<"$name"; then
    wide='[a-z.]*\.(v4\.[a-z]32|v2\.[a-z]64)'
    case $name in *Halves* | *HalfRows*) wide='[a-z.]*\.(v2\.[a-z]32|v4\.[a-z]16)' ;; esac
    packs=$(grep -cE "st\.global$wide" "$kernel") || true
    all=$(grep -c 'st\.global' "$kernel") || true
    # Beside the packs: an element of each output at the edge; and the bits of each pack, and of the edge, where a mask is written.
    narrow=1
    case $name in *BackwardOp*General*) narrow=2 ;; esac
    case $name in ForwardOp*WithAlpha*Walked*) narrow=2 ;; esac  # an edge beside the walk, and one beside repeats
    case $name in ForwardOp*U1*) narrow=$((narrow + packs + 1)) ;; ForwardOp*U2*) narrow=$((narrow + packs + 2)) ;; esac
    # nvcc 13.0 unrolls the eight elements of the edge in these, and the axes of a row's end, and in no other.
    case $name in ForwardOp*WithBias*U[12]* | ForwardOp*With[AS][lc]*U1*) narrow=$((narrow + 9)) ;; *Rows*) narrow=5 ;; esac
    # A single element of each output where the end cuts a pack, and a part's sums, for which nvcc 13.0 unrolls two loops.
    case $name in
      *SumOfBias*) narrow=10 ;; *SumOfAlpha*) narrow=8 ;; *SumsOfScale*) narrow=18 ;; *AllSums*) narrow=42 ;;
    esac
    grep -qE "ld\.global$wide" "$kernel" || fail "$name: no 128-bit load"
    [ "$packs" -gt 0 ] || fail "$name: no 128-bit store"
    [ $((all - packs)) -le "$narrow" ] || fail "$name: a pack is stored in pieces ($all stores, $packs of 128 bits)"
  fi
  case $name in
    sums* | add_parts*) ;;
    *) if grep -q 'bar\.sync' "$kernel"; then fail "$name: a barrier, which only sums need"; fi ;;
  esac
  if grep -nE '\.local|\.ftz|\.approx|div\.full|\bcall\b|\btrap\b|\batom\.|\bred\.' "$kernel" >&2; then fail "$name: has the above"; fi
  grep -q '\.maxntid' "$kernel" || fail "$name: no launch bounds"
done
[ "$failed" -eq 0 ] && echo "sm_$arch: $kernels kernels, no spills, registers within the table"
exit "$failed"
