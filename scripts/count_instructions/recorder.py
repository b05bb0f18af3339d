"""Records the library's launches: which kernels it launches with which arguments. No GPU is needed."""

import ctypes
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from problem import Missing, Problem

HERE = Path(__file__).resolve().parent
LOADED = "COUNT_INSTRUCTIONS_RECORDER"
LISTENER = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint), ctypes.POINTER(ctypes.c_uint), ctypes.POINTER(ctypes.c_void_p)
)


@dataclass
class Launch:
    kernel: str
    grid: tuple
    block: tuple
    arguments: list  # the bytes of each


def is_loaded():
    return LOADED in os.environ


def run_again_with_it(*more):
    """Runs this command again with `more` arguments and the recorder instead of the CUDA runtime, and returns its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "recorder.so"
        compiler = os.environ.get("CC", "cc")
        command = [compiler, "-std=c11", "-O1", "-fPIC", "-shared", "-o", str(library), str(HERE / "recorder.c")]
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Missing(f"there is no C compiler called {compiler} here") from None
        if made.returncode:
            raise Problem(f"the recorder does not compile: {made.stderr.strip().splitlines()[-1]}")
        environment = {**os.environ, "LD_PRELOAD": str(library), LOADED: str(library)}
        return subprocess.run([sys.executable, str(HERE), *sys.argv[1:], *more], env=environment, check=False).returncode


class Recorder:
    """Records launches. `kernels`, the parsed modules of fatbin.py, tell how large their arguments are."""

    def __init__(self, kernels):
        self.kernels, self.launches = kernels, []
        self.fault = None
        self._listener = LISTENER(self._launched)
        ctypes.CDLL(os.environ[LOADED]).recorder_listen(self._listener)

    def _launched(self, name, grid, block, arguments):
        try:
            sizes = [size for _, _, size in self.kernels.kernel(name.decode()).parameters]
        except Problem as problem:  # an exception cannot pass through the library
            self.fault = problem
            return
        values = [ctypes.string_at(arguments[i], size) for i, size in enumerate(sizes)]
        self.launches.append(Launch(name.decode(), tuple(grid[:3]), tuple(block[:3]), values))

    def launches_of(self, call):
        """Returns the launches of a call of the library."""
        self.launches, self.fault = [], None
        call()
        if self.fault:
            raise self.fault
        return self.launches
