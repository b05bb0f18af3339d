# Sourced by demo.sh and test.sh: installs what this machine lacks, and finds CUDA. For Debian 12 and Ubuntu 24.04.

CDPATH= cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# Installs the packages that are not there yet; says which. Usage: install_missing PACKAGE...
install_missing() {
  local missing=() package as_root=()
  command -v dpkg-query >/dev/null || { echo "setup: no Debian packages here; taking for granted: $*"; return; }
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

# nvcc is often installed beside the PATH. Without one, rectify is built for the CPU.
if ! command -v nvcc >/dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then
  PATH=/usr/local/cuda/bin:$PATH
fi
if command -v nvcc >/dev/null; then
  # One architecture is enough to try and to test: that of the GPU at hand, where nvcc knows it. Without one nothing runs the kernels' code,
  # and the PTX of sm_90 is enough; a test compiles it further, and looks at both.
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
packages+=(python3 python3-numpy)  # rectify from Python, in a test
packages+=(doxygen dpkg-dev file)  # by the last two cpack learns what a package needs
command -v nvcc >/dev/null || packages+=(libthrust-dev)  # else the toolkit brings it
install_missing "${packages[@]}"
