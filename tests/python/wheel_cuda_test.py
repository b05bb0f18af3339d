"""cmake/RectifyWheel.cmake: which nvcc and which architectures `pip install .` takes.

nvcc and nvidia-smi are stand-ins.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "cmake/RectifyWheel.cmake"
pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake")
LISTED = "61 75 80 86 89 90 100 120"


@pytest.fixture
def machine(tmp_path):
    """Runs the script on a machine with an nvcc in CUDA_PATH, and with GPUs of these capabilities."""

    def run(*capabilities, define=(), **environment):
        programs = {
            "toolkit/bin/nvcc": "".join(f"echo compute_{number}\n" for number in LISTED.split()),
            "path/nvidia-smi": "".join(f"echo {capability}\n" for capability in capabilities) or "exit 9\n",
        }
        for name, body in programs.items():
            program = tmp_path / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f"#!/bin/sh\n{body}")
            program.chmod(0o755)
        wrapper = tmp_path / "wrapper.cmake"
        wrapper.write_text(f"""include("{SCRIPT}")
message("nvcc=${{CMAKE_CUDA_COMPILER}} architectures=${{CMAKE_CUDA_ARCHITECTURES}}")
""")
        variables = {name: value for name, value in os.environ.items() if not name.startswith("CUDA")}
        variables |= {
            "CUDA_PATH": str(tmp_path / "toolkit"),
            "PATH": f"{tmp_path / 'path'}:/usr/bin:/bin",
        } | environment
        command = [shutil.which("cmake"), "-DRECTIFY_CUDA=AUTO", *define, "-P", str(wrapper)]
        done = subprocess.run(command, capture_output=True, text=True, env=variables, check=True)
        return done.stderr.strip().splitlines()[-1].replace(str(tmp_path), "")

    return run


def test_nvcc_outside_of_path_is_found(machine):
    assert machine("9.0") == "nvcc=/toolkit/bin/nvcc architectures=90"


def test_the_architectures_are_those_of_the_gpus(machine):
    assert machine("12.0", "8.6", "9.0", "8.6").endswith("architectures=86-real;90-real;120")


def test_all_architectures_without_a_gpu(machine):
    assert machine().endswith("architectures=")


def test_all_architectures_with_a_gpu_that_nvcc_does_not_know(machine):
    assert machine("9.0", "13.0").endswith("architectures=")


def test_all_architectures_with_a_gpu_that_rectify_does_not_know(machine):
    assert machine("6.1").endswith("architectures=")


def test_the_users_architectures_come_first(machine):
    assert machine("9.0", CUDAARCHS="80").endswith("architectures=")
    assert machine("9.0", define=["-DCMAKE_CUDA_ARCHITECTURES=75"]).endswith("architectures=75")


def test_the_users_compiler_comes_first(machine):
    assert machine("9.0", CUDACXX="/opt/nvcc").startswith("nvcc= ")  # CMake reads the variable itself
    assert machine("9.0", define=["-DCMAKE_CUDA_COMPILER=/opt/nvcc"]).startswith("nvcc=/opt/nvcc ")


def test_cuda_may_be_switched_off(machine):
    assert machine("9.0", define=["-DRECTIFY_CUDA=OFF"]) == "nvcc= architectures="
