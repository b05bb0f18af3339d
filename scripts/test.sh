#!/usr/bin/env bash
# Builds and tests everything that this machine can run. Installs missing packages.
#   scripts/test.sh            the library, and the Python package with NumPy
#   scripts/test.sh --python   the Python package as a wheel, with the array libraries of tests/python/requirements.txt
# --slow adds the tests that take minutes each, and to --python a second environment (tests/python/requirements_other.txt).
# Further arguments after --python are pytest's: scripts/test.sh --python -k mask
set -euo pipefail
python= slow=
[ "${1:-}" = --python ] && python=yes && shift
[ "${1:-}" = --slow ] && slow=--slow && shift
if [ -z "$python" ] && [ $# -gt 0 ]; then
  echo "usage: scripts/test.sh [--slow] | scripts/test.sh --python [--slow] [ARGUMENT OF PYTEST]..." >&2
  exit 2
fi
source "$(dirname "$0")/setup.sh"
if [ -n "$python" ]; then
  install_missing python3-venv
  python=/usr/bin/python3  # python3-venv and python3-dev are for this one
  [ -x "$python" ] || python=python3
  exec "$python" -B scripts/test_python ${slow:+"$slow"} "$@"
fi
install_missing libdnnl-dev libeigen3-dev  # peers of rectify-bench
if [ -n "$slow" ]; then install_missing clang g++-aarch64-linux-gnu qemu-user; fi  # other compilers, another architecture
cmake --workflow --preset test
if [ -n "$slow" ]; then ctest --preset slow; fi
