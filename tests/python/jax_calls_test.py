"""The functions that XLA calls, called as XLA does: attributes, buffers, errors, the question for the version, and what can be seen
of CUDA without a GPU. JAX is not needed."""

import math

import numpy as np
import pytest
import rectify
from rectify import _rectify

from naive import eighths
from xla_frames import Xla, function_of, question, run

FUNCTIONS = {key: function_of(capsule) for key, capsule in _rectify.xla_functions().items()}
CPU, CUDA = FUNCTIONS["rectify_forward", "cpu"], FUNCTIONS["rectify_forward", "CUDA"]
INVALID_ARGUMENT, UNIMPLEMENTED, INTERNAL = 3, 12, 13
X_AND_Y = 0b101
SETTINGS = {
    "alpha": 0.25, "threshold": 0.0, "max_value": math.inf, "gain": 1.0, "channel_axis": 0, "rank": 1, "present": X_AND_Y,
    "mask_bits": 0,
}  # fmt: skip


def test_there_are_four():
    assert set(FUNCTIONS) == {(f"rectify_{name}", p) for name in ("forward", "backward") for p in ("cpu", "CUDA")}


def test_a_call():
    x, y = eighths(1, 9), np.zeros(9, np.float32)
    assert run(CPU, Xla(), [x], [y], SETTINGS) is None
    np.testing.assert_array_equal(y, rectify.forward(x, alpha=0.25))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=str)
@pytest.mark.parametrize("theirs, told", [(1, 1), (3, 3), (5, 5), (6, 5), (0, 1)])
def test_the_version(function, theirs, told):
    """XLA's own, from 0.1 to the newest whose layouts are known. The functions may be recorded in CUDA graphs."""
    assert question(function, Xla(minor=theirs)) == (0, told, 1)
    assert question(function) == (0, 1, 1)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_missing_attribute(name):
    x, y = eighths(1, 9), np.full(9, 7, np.float32)
    for wrong in ({}, {name: 1 if isinstance(SETTINGS[name], float) else 1.0}):
        xla = Xla()
        settings = {key: value for key, value in SETTINGS.items() if key != name} | wrong
        assert run(CPU, xla, [x], [y], settings) == 1
        assert xla.errors == [(INVALID_ARGUMENT, f"{name}: expected an attribute of 64 bits, got none")]
        assert (y == 7).all()


def test_errors_of_the_library():
    x, y, xla = eighths(1, 9), np.zeros(9, np.float32), Xla()
    assert run(CPU, xla, [x], [y], SETTINGS | {"gain": 0.0}) == 1
    assert run(CPU, xla, [x], [y[:8]], SETTINGS) == 2
    assert run(CPU, xla, [x.astype(np.int32)], [y], SETTINGS) == 3
    assert [code for code, _ in xla.errors] == [INVALID_ARGUMENT] * 3
    texts = [text for _, text in xla.errors]
    assert texts[0].startswith("gain: expected") and texts[1].startswith("y: expected shape [9]")
    assert texts[2] == "x: expected dtype float16, bfloat16, float32 or float64, got XLA's type 4"


@pytest.mark.parametrize("bytes_before", [0, 1, 64, 255])
def test_a_workspace_at_any_address(bytes_before):
    """It is a result of XLA's, on any boundary, and 255 bytes longer than needed."""
    dy = eighths(2, (6, 3))
    needed = _rectify.workspace_bytes(
        *[(0, "float32", False, 0, (6, 3), None, True)] * 2, None, None, 0, None, None, None, None, 0.25, 0.0, math.inf,
        None, None, None, (0, "float32", False, 0, (3,), None, True), None, None, None, 1, 1.0,
    )  # fmt: skip
    memory = np.full(needed + 255 + 512, 9, np.uint8)
    begin = -memory.ctypes.data % 256 + bytes_before
    workspace, dbias = memory[begin : begin + needed + 255], np.zeros(3, np.float32)
    present = sum(1 << row for row in (0, 1, 13))  # x, dy and dbias
    settings = SETTINGS | {"channel_axis": 1, "rank": 2, "present": present}
    assert run(FUNCTIONS["rectify_backward", "cpu"], Xla(), [dy, dy], [dbias, workspace], settings) is None
    np.testing.assert_array_equal(dbias, np.where(dy > 0, dy, 0.25 * dy).sum(0))
    assert (memory[:begin] == 9).all() and (memory[begin + needed + 255 :] == 9).all()


# --- CUDA, as far as it goes without a GPU ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fails, error", [("stream", 77), ("device", 78)])
def test_errors_of_xla_are_passed_on(fails, error):
    xla = Xla()
    xla.fails = (fails,)
    assert run(CUDA, xla, [eighths(1, 9)], [np.zeros(9, np.float32)], SETTINGS) == error


def test_an_xla_without_device_ordinals():
    xla = Xla(struct_size=184)
    assert run(CUDA, xla, [eighths(1, 9)], [np.zeros(9, np.float32)], SETTINGS) == 1
    assert xla.errors == [(UNIMPLEMENTED, "jaxlib: expected version 0.6 or later, for CUDA, got an older one")]


def test_cuda_without_cuda():
    y, xla = np.full(9, 7, np.float32), Xla(device=3, stream=1)
    assert run(CUDA, xla, [eighths(1, 9)], [y], SETTINGS) == 1
    ((code, text),) = xla.errors
    if rectify.build_info()["cuda"]:
        if rectify.cuda_available():
            pytest.skip("there is a GPU, which must not be given addresses of the CPU")
        assert code == INTERNAL and "cuda:3" in text
    else:
        assert code == UNIMPLEMENTED
        assert text.startswith(
            "x: expected an array on the CPU, as this rectify was built without CUDA, got one on cuda:3;"
        )
    assert (y == 7).all()
