"""dlpack(): what capsules tell. And the layouts of python/dlpack_layout.hpp, compared with dlpack.h of this machine."""

import ctypes
import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from capsules import ManagedVersioned, Tensor, new_capsule

from rectify import InvalidType, Unsupported, _rectify

HERE = Path(__file__).resolve().parent
FLOAT = 2

rename = ctypes.pythonapi.PyCapsule_SetName
rename.argtypes = (ctypes.py_object, ctypes.c_char_p)


def versioned(**changed):
    extents = (ctypes.c_int64 * 2)(2, 3)
    fields = dict(major=1, minor=3, flags=0, tensor=Tensor(4096, 2, 1, 2, FLOAT, 32, 1, extents, None, 64))
    return ManagedVersioned(**(fields | changed))


def capsule_of(managed):
    return new_capsule(ctypes.addressof(managed), b"dltensor_versioned", None)


@pytest.mark.parametrize("dtype, code", [("float32", FLOAT), ("float64", FLOAT), ("int16", 0), ("uint8", 1)])
def test_a_capsule_of_numpy(dtype, code):
    array = np.zeros((3, 4), dtype)[:, ::2]
    capsule = array.__dlpack__()
    for _ in range(2):  # nothing is consumed
        assert _rectify.dlpack(capsule) == (array.ctypes.data, code, 8 * array.itemsize, 1, 1, 0, (3, 2), (4, 2), False)


def test_a_versioned_capsule():
    managed = versioned()
    assert _rectify.dlpack(capsule_of(managed)) == (4096 + 64, FLOAT, 32, 1, 2, 1, (2, 3), None, False)
    managed.flags = 1
    assert _rectify.dlpack(capsule_of(managed))[-1] is True
    managed.flags = 2  # a copy
    assert _rectify.dlpack(capsule_of(managed))[-1] is False


def test_a_capsule_of_no_axes():
    scalar = versioned(tensor=Tensor(4096, 1, 0, 0, FLOAT, 64, 1, None, None, 0))
    assert _rectify.dlpack(capsule_of(scalar)) == (4096, FLOAT, 64, 1, 1, 0, (), (), False)


def test_capsules_that_are_rejected():
    newer = versioned(major=2)
    with pytest.raises(Unsupported, match="^capsule: expected DLPack version 1, got version 2$"):
        _rectify.dlpack(capsule_of(newer))
    capsule = np.zeros(3).__dlpack__()
    rename(capsule, b"used_dltensor")
    for what in (capsule, None, 5, np.zeros(3)):
        with pytest.raises(
            InvalidType, match="^capsule: expected a capsule dltensor or dltensor_versioned that nobody has consumed"
        ):
            _rectify.dlpack(what)
    rename(capsule, b"dltensor")  # so that it releases its array


def copies_of_dlpack():
    found = [
        path
        for path in (Path("/usr/include/dlpack/dlpack.h"), Path("/usr/local/include/dlpack/dlpack.h"))
        if path.exists()
    ]
    torch = importlib.util.find_spec("torch")
    if torch is not None:
        found.append(Path(torch.origin).parent / "include/ATen/dlpack.h")
    return found


@pytest.mark.parametrize("header", copies_of_dlpack() or [None], ids=str)
def test_layouts_equal_those_of(header):
    compiler = shutil.which("c++") or shutil.which("g++")
    if header is None or compiler is None:
        pytest.skip("no dlpack.h or no C++ compiler on this machine")
    command = [compiler, "-std=c++17", "-fsyntax-only", f'-DTHEIRS="{header}"', str(HERE / "dlpack_layout.cpp")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
