"""import rectify needs no array library and imports none; a call imports none besides that of its arrays."""

import importlib.util
import os
import subprocess
import sys

import pytest

LIBRARIES = ("numpy", "torch", "jax", "cupy", "numba", "ml_dtypes")

BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name + " is blocked", name=name)
sys.meta_path.insert(0, Blocker())
"""


def run(code, blocked=()):
    script = BLOCK.format(blocked=set(blocked)) + code
    folders = [os.path.dirname(__file__), *[folder for folder in sys.path if folder]]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(folders))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_without_any_library():
    code = "import rectify; rectify.build_info(); rectify.cuda_available(); print(rectify.__version__)"
    assert len(run(code, blocked=LIBRARIES)) == 1


def test_import_imports_no_library():
    code = f"import rectify; print(*[name for name in {LIBRARIES!r} if name in sys.modules])"
    assert run(code) == []


DLPACK = """
import ctypes, types, capsules, rectify
def exporter(*values):
    memory = (ctypes.c_float * len(values))(*values)
    array = types.SimpleNamespace(itemsize=4, ndim=1, shape=(len(values),), strides=(4,), memory=memory)
    array.dtype = types.SimpleNamespace(kind="f")
    array.__array_interface__ = {"data": (ctypes.addressof(memory), False)}
    return capsules.Exporter(array)
x, out, dbias = exporter(-2, 0, 3), exporter(0, 0, 0), exporter(0)
rectify.forward(x, alpha=0.5, out=out)
rectify.backward(x, x=x, dx=False, dbias=dbias)
print(*out.array.memory, *dbias.array.memory)
"""


def test_calls_without_any_library():
    assert run(DLPACK, blocked=LIBRARIES) == ["-1.0", "0.0", "3.0", "3.0"]


def test_calls_on_numpy_import_nothing_else():
    pytest.importorskip("numpy")
    code = """
import numpy, rectify
x = numpy.array([-1, 2], "f")
y, mask = rectify.forward(x, return_mask=True)
mask.unpack(), rectify.backward(x, mask=mask, dbias="all")
try:
    rectify.forward([1.0])
except rectify.InvalidType:
    print(*y)
"""
    assert run(code, blocked=[name for name in LIBRARIES if name != "numpy"]) == ["0.0", "2.0"]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="no torch")
def test_calls_on_torch_without_numpy():
    code = """
import warnings
warnings.simplefilter("ignore")  # torch's, that there is no NumPy
import torch, rectify
x = torch.tensor([-1.0, 2.0])
y, mask = rectify.forward(x, return_mask=True)
print(*y.tolist(), *rectify.backward(x, mask=mask, dbias="all").dx.tolist())
"""
    assert run(code, blocked=[name for name in LIBRARIES if name != "torch"]) == ["0.0", "2.0", "0.0", "2.0"]
