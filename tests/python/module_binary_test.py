"""The binary and the package: symbols, what importing does, what build() and `python -m rectify` tell."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from module_support import python
from rectify import _rectify

BINARY = Path(_rectify.__file__)
FRAMEWORKS = ("numpy", "torch", "jax", "jaxlib", "cupy", "ml_dtypes")


def printed(*command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    return subprocess.run([*command, str(BINARY)], capture_output=True, text=True, check=True).stdout


def test_one_binary_for_all_versions_of_python():
    assert BINARY.name == "_rectify.abi3.so"


def test_no_symbol_but_pythons_is_exported():
    assert [line.split()[-1] for line in printed("nm", "-D", "--defined-only").splitlines()] == ["PyInit__rectify"]


def test_no_library_but_the_systems_is_needed():
    needed = re.findall(r"NEEDED.*\[(\w+)", printed("readelf", "-d"))
    assert set(needed) <= {"libstdc", "libm", "libgcc_s", "libc", "libdl", "librt", "libpthread", "ld"}, needed


def test_symbols_of_python_are_those_of_the_limited_api():
    """No private one but those that the headers of the limited API use. (abi3audit, if installed, checks each.)"""
    wanted = {line.split()[-1] for line in printed("nm", "-D", "--undefined-only").splitlines()}
    private = {name for name in wanted if name.startswith("_Py")}
    assert private <= {"_Py_Dealloc", "_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct"}
    assert not {name for name in wanted if re.search("torch|c10|xla|GOMP|omp_", name)}
    assert any(name.startswith("Py") for name in wanted)


def test_abi3audit_accepts_it():
    pytest.importorskip("abi3audit")
    done = subprocess.run(
        [sys.executable, "-m", "abi3audit", "--strict", "--assume-minimum-abi3", "3.10", str(BINARY)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", ["import rectify", "import runpy; runpy.run_module('rectify', run_name='__main__')"]
)
def test_no_framework_is_imported(command):
    out = python(
        f"{command}; import sys; print('imported:', *({FRAMEWORKS!r} & sys.modules.keys()))".replace(
            repr(FRAMEWORKS), repr(set(FRAMEWORKS))
        )
    )
    assert out.splitlines()[-1].split() == ["imported:"]


def test_what_build_tells():
    build = _rectify.build()
    assert re.fullmatch(r"\d+\.\d+\.\d+", build["version"])
    assert build["compiler"]
    assert build["cuda"] == (build["cuda_version"] is not None) == bool(build["architectures"])
    assert all(re.fullmatch(r"(sm|compute)_\d+[a-z]?", architecture) for architecture in build["architectures"])


def test_what_is_told_of_gpus():
    driver, gpus = _rectify.cuda_devices()
    assert _rectify.cuda_available() == bool(gpus)
    if not _rectify.build()["cuda"]:
        assert (driver, gpus) == (None, [])
    assert driver is None or re.fullmatch(r"\d+\.\d+", driver)
    assert all(name and re.fullmatch(r"\d+\.\d", capability) for name, capability in gpus)


def test_what_the_command_prints():
    done = subprocess.run([sys.executable, "-m", "rectify"], capture_output=True, text=True, check=True)
    build, lines = _rectify.build(), done.stdout.splitlines()
    assert lines[0].startswith(f"rectify {build['version']} ({build['compiler']}, ")
    assert all(architecture in lines[0] for architecture in build["architectures"])
    assert lines[1].startswith("Python 3.")
    assert [line.split(":")[0] for line in lines[-4:]] == ["numpy", "torch", "jax", "cupy"]
    assert sum(line.startswith("driver: ") for line in lines) == 1
    import numpy

    assert f"numpy: {numpy.__version__}" in lines
