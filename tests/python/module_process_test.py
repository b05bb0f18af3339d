"""The module in its process: other threads of Python, threads of OpenMP and whose runtime they are, forked children."""

import ctypes
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from module_support import allocate, backward, forward, memory, python
from rectify import _rectify

LARGE = 1 << 22

# A call of 1,000,000 elements without NumPy, whose own libraries may bring a runtime of OpenMP; and what the process
# then has.
CALL = """
import array, ctypes, math, os
from rectify import _rectify
x, y = array.array("f", [-1.0]) * 1000000, array.array("f", [7.0]) * 1000000
def memory(a): return a.buffer_info()[0], "float32", False, 0, (len(a),), None, True
def call():
    _rectify.relu(memory(x), memory(y), 0.5, 0.0, math.inf, None)
    assert all(value == -0.5 for value in y)
def runtimes():
    with open("/proc/self/maps") as maps:
        return sorted({line.split()[-1] for line in maps if "libgomp" in line})
def threads(): return len(os.listdir("/proc/self/task"))
"""


@pytest.fixture
def long_switch_interval():
    """Threads of Python take turns only when one releases the GIL."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


def runs_meanwhile(call):
    """Whether another thread of Python runs during one of many calls."""
    gate, ran = threading.Lock(), []
    gate.acquire()

    def other():
        with gate:
            ran.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    gate.release()
    for _ in range(200):
        call()
        if ran:
            break
    result = bool(ran)
    thread.join()
    return result


def test_other_threads_of_python_run_during_a_call(long_switch_interval):
    x, y, dbias = np.ones(LARGE, np.float32), np.empty(LARGE, np.float32), np.empty(1, np.float32)
    assert runs_meanwhile(lambda: _rectify.relu(memory(x), memory(y), 0.0, 0.0, 2.0, None)), "relu"
    assert runs_meanwhile(
        lambda: _rectify.relu_backward(memory(x), memory(x), False, memory(y), 0.0, 0.0, 2.0, None)
    ), "relu_backward"
    assert runs_meanwhile(lambda: forward(x=x, y=y)), "forward"
    assert runs_meanwhile(lambda: backward(dy=x, x=x, dx=y, dbias=dbias, allocate=allocate, channel_axis=0)), "backward"


def test_the_measure_of_the_test_above(long_switch_interval):
    assert not runs_meanwhile(lambda: sum(range(1000)))


def test_calls_in_several_threads():
    wrong = []

    def work(alpha):
        x, y = np.full(100_000, -1.0), np.empty(100_000)
        for _ in range(20):
            _rectify.relu(memory(x), memory(y), alpha, 0.0, 2.0, None)
            if not (y == -alpha).all():
                wrong.append(alpha)

    threads = [threading.Thread(target=work, args=(float(alpha),)) for alpha in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_forked_child_calls_after_its_parent():
    out = python(
        CALL
        + """
call()
child = os.fork()
if child == 0:
    call()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert out.split() == ["0"]


@pytest.fixture
def runtime(tmp_path):
    """A copy of libgomp.so.1 in a folder that the loader does not search, as torch has one."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        pytest.skip("this machine has no libgomp.so.1")
    maps = Path("/proc/self/maps").read_text().splitlines()
    found = next(line.split()[-1] for line in maps if "libgomp" in line)
    return str(shutil.copy(found, tmp_path / "libgomp.so.1"))


@pytest.fixture
def without_openmp(tmp_path):
    """Variables of the environment with which the module finds no libgomp.so.1."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    stand_in = tmp_path / "no_openmp.so"
    source = Path(__file__).resolve().parent / "no_openmp.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(stand_in), str(source), "-ldl"], check=True)
    return {"LD_PRELOAD": str(stand_in)}


def test_the_runtime_is_loaded_at_the_first_large_call(runtime):
    out = python(CALL + "print(len(runtimes())); call(); print(len(runtimes()), threads())", OMP_NUM_THREADS="3")
    assert out.split() == ["0", "1", "3"]


def test_the_runtime_of_the_process_is_used(runtime):
    out = python(
        CALL
        + f"""
loaded = ctypes.CDLL({runtime!r})
loaded.omp_set_num_threads(5)
call()
print(*runtimes(), threads())
""",
        OMP_NUM_THREADS="3",
    )
    assert out.split() == [runtime, "5"]


def test_calls_run_on_one_thread_without_a_runtime(without_openmp):
    out = python(CALL + "call(); print(len(runtimes()), threads())", OMP_NUM_THREADS="3", **without_openmp)
    assert out.split() == ["0", "1"]


def test_a_runtime_that_is_loaded_later_is_used(without_openmp, runtime):
    out = python(
        CALL
        + f"""
call()
print(threads())
ctypes.CDLL({runtime!r})
call()
print(threads())
""",
        OMP_NUM_THREADS="3",
        **without_openmp,
    )
    assert out.split() == ["1", "3"]


def test_a_library_of_that_name_without_the_functions(tmp_path):
    compiler, empty = shutil.which("cc") or shutil.which("gcc"), tmp_path / "libgomp.so.1"
    if compiler is None:
        pytest.skip("no C compiler")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-Wl,-soname,libgomp.so.1", "-x", "c", "/dev/null", "-o", str(empty)], check=True
    )
    assert python(CALL + f"ctypes.CDLL({str(empty)!r}); call(); call(); print(threads())").split() == ["1"]


def test_a_daemon_thread_may_be_in_a_call_at_the_end():
    python(
        CALL
        + """
import threading, time
def forever():
    while True: _rectify.relu(memory(x), memory(y), 0.5, 0.0, math.inf, None)
for _ in range(3): threading.Thread(target=forever, daemon=True).start()
time.sleep(0.2)
""",
        OMP_NUM_THREADS="1",
    )
