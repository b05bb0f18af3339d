"""examples/jax_mlp.py as people call it: it learns, on two devices as on one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="JAX is not installed")

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "jax_mlp.py"
if not PROGRAM.exists():
    pytest.skip("the examples are not beside the tests", allow_module_level=True)


def run(*arguments, folder=None, **environment):
    """Runs the program on the CPU, in a process of its own, as it says how many devices there are."""
    inherited = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command, environment = [sys.executable, "-W", "error", PROGRAM, *arguments], {"JAX_PLATFORMS": "cpu"} | environment
    return subprocess.run(command, env=inherited | environment, cwd=folder, capture_output=True, text=True, timeout=300)


def number(pattern, text):
    return float(re.search(pattern, text)[1])


def test_two_devices_train_as_one_does(tmp_path):
    """In float64: in float32, roundings grow within many steps."""
    finished = run("--compare", "--steps", "40", folder=tmp_path, JAX_ENABLE_X64="1")
    assert finished.returncode == 0, finished.stderr
    out = finished.stdout
    assert "2 x cpu" in out and not list(tmp_path.iterdir())
    assert number(r"step   40: loss (\S+)", out) < 0.6 * number(r"step    1: loss (\S+)", out)
    assert number(r"alphas: (\S+) to", out) < 0.25 < number(r"alphas: \S+ to (\S+),", out)
    assert number(r"on one device: (\S+)", out) < 1e-13


def test_in_float32_the_difference_is_one_of_rounding():
    """And the devices are those that the user chose."""
    finished = run("--compare", "--steps", "5", XLA_FLAGS="--xla_force_host_platform_device_count=4")
    assert "4 x cpu" in finished.stdout, finished.stderr
    assert 0 <= number(r"on one device: (\S+)", finished.stdout) < 1e-6


@pytest.mark.parametrize("arguments", [["--batch", "33"], ["--steps", "0"]])
def test_arguments_that_are_invalid(arguments):
    finished = run(*arguments)
    assert finished.returncode == 2 and finished.stdout == ""
    assert "expected 1 step or more, and 1 to 4096 rows, a multiple of 2 devices" in finished.stderr
