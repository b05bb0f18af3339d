#!/usr/bin/env bash
# What to run for, and on, a machine with an NVIDIA GPU: prepare DIR, run DIR OUT, report OUT. docs/gpu.md says more, --help in short.
set -euo pipefail
command -v python3 >/dev/null || { echo "gpu-check: no python3 on this machine" >&2; exit 2; }
exec python3 -B "$(dirname "$0")/gpu_check" "$@"
