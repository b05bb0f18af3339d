"""Builds the library of this checkout so that its kernels can be read and its launches recorded."""

import os
import shutil
import subprocess
from pathlib import Path

from problem import Missing, Problem

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "count"
OPTIONS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=ON",
    "-DCMAKE_CUDA_RUNTIME_LIBRARY=Shared",
    "-DCMAKE_CUDA_ARCHITECTURES=90",
    "-DRECTIFY_TESTS=OFF",
    "-DRECTIFY_EXAMPLES=OFF",
    "-DRECTIFY_BENCH=OFF",
]


def _nvcc():
    found = os.environ.get("CUDACXX") or shutil.which("nvcc")
    usual = Path("/usr/local/cuda/bin/nvcc")
    return found or (str(usual) if usual.exists() else None)


def _run(command, log):
    with open(log, "w") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise Problem(f"the library does not build: see {log}")


def library():
    """Builds librectify.so and returns its path."""
    nvcc = _nvcc()
    if nvcc is None:
        raise Missing("there is no nvcc here")
    if shutil.which("cmake") is None:
        raise Missing("there is no cmake here")
    FOLDER.mkdir(parents=True, exist_ok=True)
    configure = ["cmake", "-S", str(ROOT), "-B", str(FOLDER), f"-DCMAKE_CUDA_COMPILER={nvcc}", *OPTIONS]
    _run(configure, FOLDER / "configure.log")
    _run(["cmake", "--build", str(FOLDER), "--parallel"], FOLDER / "build.log")
    return FOLDER / "librectify.so"
