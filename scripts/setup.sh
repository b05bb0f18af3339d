# Sourced by demo.sh and test.sh: installs missing packages, and finds CUDA. For Debian 12 and Ubuntu 24.04.

CDPATH= cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# Installs the packages that are missing, and prints which. Usage: install_missing PACKAGE...
install_missing() {
  local missing=() package as_root=()
  command -v dpkg-query >/dev/null || { echo "setup: this is not Debian, so these packages must already be installed: $*"; return; }
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: please install as root: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# nvcc is often installed outside PATH. Without nvcc, rectify is built for the CPU alone.
if ! command -v nvcc >/dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then
  PATH=/usr/local/cuda/bin:$PATH
fi
if command -v nvcc >/dev/null; then
  # One architecture is enough for demos and tests: that of this machine's GPU, if nvcc knows it. Without a GPU nothing runs the kernels,
  # and the PTX of sm_90 is enough; a test compiles it to machine code and checks both.
  listed=$(nvcc --list-gpu-arch)
  gpu=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .) || true
  [[ $gpu =~ ^[0-9]+$ && $listed == *compute_$gpu* ]] || gpu=90-virtual
  export CUDAARCHS=${CUDAARCHS:-$gpu}
  echo "setup: $(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/CUDA \1/p'), architecture $CUDAARCHS"
else
  echo "setup: no nvcc, so the CPU backend alone"
fi

packages=()
command -v g++ >/dev/null || packages+=(g++)
command -v cmake >/dev/null || packages+=(cmake)
command -v ninja >/dev/null || packages+=(ninja-build)
command -v pkg-config >/dev/null || packages+=(pkg-config)
packages+=(libgtest-dev libcli11-dev nlohmann-json3-dev zlib1g-dev dataset-fashion-mnist libdlpack-dev)
packages+=(libopenblas-dev)  # tune_alpha's matrix products
packages+=(python3 python3-dev python3-numpy python3-pytest)  # rectify from Python, and its tests
packages+=(doxygen dpkg-dev file)  # cpack finds the dependencies of a package by the last two
command -v nvcc >/dev/null || packages+=(libthrust-dev)  # otherwise the toolkit has it
install_missing "${packages[@]}"
