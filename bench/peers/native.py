"""Small C++ files beside this one, compiled into a temporary folder and loaded."""

import ctypes
import os
import shlex
import subprocess
from ctypes import c_int32, c_int64, c_void_p
from pathlib import Path

from contenders import Absent


def load(name, folder, libraries=()):
    """Compiles name.cpp and loads it; Absent with the compiler's first error if that is not possible. $CXX, $CXXFLAGS
    and $LDFLAGS are used, and the compiler reads CPLUS_INCLUDE_PATH and LIBRARY_PATH."""
    source, target = Path(__file__).resolve().parent / f"{name}.cpp", Path(folder) / f"lib{name}.so"
    flags = shlex.split(os.environ.get("CXXFLAGS", "")), shlex.split(os.environ.get("LDFLAGS", ""))
    command = [*shlex.split(os.environ.get("CXX", "c++")), "-std=c++17", "-O2", "-fPIC", "-shared"]
    command += [*flags[0], str(source), *flags[1], *(f"-l{library}" for library in libraries), "-o", str(target)]
    try:
        made = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Absent(f"no C++ compiler: {error}") from error
    if made.returncode != 0:
        lines = made.stderr.splitlines() or [f"{command[0]} failed"]
        raise Absent(next((line.partition("error: ")[2] for line in lines if "error: " in line), lines[0]))
    try:
        return ctypes.CDLL(str(target))
    except OSError as error:
        raise Absent(str(error)) from error


class Repeater:
    """Runs a prepared call of rectify many times: in a loop in C++ or, if there is no compiler, in Python, in which each
    call takes about a microsecond longer."""

    def __init__(self, folder):
        self.function, self.how = None, "calls from a loop in C++"
        try:
            self.function = load("repeat", folder).repeat_call
            self.function.argtypes = [c_void_p, c_void_p, c_void_p, c_void_p, c_int64]
            self.function.restype = c_int32
        except Absent as error:
            self.how = f"calls by ctypes ({error})"

    def loop(self, call):
        """A function of the number of calls."""
        if self.function is None:
            return lambda calls: [call() for _ in range(calls)]
        repeat, library = self.function, call.library
        address = ctypes.cast(call.function, c_void_p)
        return lambda calls: library.check(repeat(address, *call.arguments(), calls))
