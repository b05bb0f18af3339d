#!/usr/bin/env bash
# Builds rectify, runs it on 60,000 real images, measures it, and searches for the best alpha. Installs missing packages, and uses a GPU
# if there is one. Under three minutes on two cores, once built.
set -euo pipefail
source "$(dirname "$0")/setup.sh"
cmake --workflow --preset demo
echo
build/release/examples/fashion_mnist
echo
build/release/bench/rectify-bench --short --samples 7 --seconds 0.1
echo
build/release/examples/tune_alpha --json build/release/tune_alpha.json
echo
if python3 -c 'import matplotlib' 2>/dev/null; then
  scripts/plot_alpha.py build/release/tune_alpha.json build/release/tune_alpha.svg
  echo "The same as a picture: build/release/tune_alpha.svg"
else
  echo "With matplotlib installed: scripts/plot_alpha.py build/release/tune_alpha.json build/release/tune_alpha.svg draws this."
fi
