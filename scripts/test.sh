#!/usr/bin/env bash
# Builds and tests everything that this machine can run. Installs missing packages. --slow adds the tests that take minutes each.
set -euo pipefail
case "${1:-}" in
  "" | --slow) ;;
  *) echo "usage: scripts/test.sh [--slow]" >&2; exit 2 ;;
esac
source "$(dirname "$0")/setup.sh"
install_missing libdnnl-dev libeigen3-dev  # peers of rectify-bench
if [ "${1:-}" = --slow ]; then install_missing clang g++-aarch64-linux-gnu qemu-user; fi  # other compilers, another architecture
cmake --workflow --preset test
if [ "${1:-}" = --slow ]; then ctest --preset slow; fi
