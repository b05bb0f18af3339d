#!/usr/bin/env bash
# Builds rectify, shows it on 60,000 real images, and measures it. Installs what is missing; a GPU is used where there is one.
set -euo pipefail
source "$(dirname "$0")/setup.sh"
cmake --workflow --preset demo
echo
build/release/examples/fashion_mnist
echo
build/release/bench/rectify-bench --short
