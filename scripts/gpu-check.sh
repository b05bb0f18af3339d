#!/usr/bin/env bash
# Tests and measures rectify on a machine with an NVIDIA GPU: prepare DIR, run DIR OUT, report OUT. See --help and docs/gpu.md.
set -euo pipefail
command -v python3 >/dev/null || { echo "gpu-check: no python3 on this machine" >&2; exit 2; }
exec python3 -B "$(dirname "$0")/gpu_check" "$@"
