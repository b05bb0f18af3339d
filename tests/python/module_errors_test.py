"""Bad arguments of the module.

Each is rejected with an exception of the right type and a text that names the operand, and nothing is written.
"""

import math
import pickle

import numpy as np
import pytest
import rectify
from module_support import allocate, backward, forward, memory
from rectify import CudaError, InvalidArgument, InvalidType, Unsupported, _rectify

HAS_CUDA = _rectify.build()["cuda"]
HAS_GPU = _rectify.cuda_available()


@pytest.fixture
def arrays():
    """x, and y that must stay as it is."""
    x, y = np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4), np.full((2, 3, 4), 7, np.float32)
    yield x, y
    assert (y == 7).all(), "something was written"


def rejects(error, text, call, *arguments, **named):
    with pytest.raises(error, match=f"^{text}") as raised:
        call(*arguments, **named)
    assert type(raised.value) is error


def test_the_types_of_exceptions():
    assert issubclass(InvalidArgument, ValueError) and issubclass(InvalidType, TypeError)
    assert issubclass(Unsupported, RuntimeError) and issubclass(CudaError, RuntimeError)
    assert all(issubclass(error, rectify.Error) for error in (InvalidArgument, InvalidType, Unsupported, CudaError))
    copy = pickle.loads(pickle.dumps(CudaError("forward on cuda:0: expected success", 209)))
    assert copy.code == 209 and str(copy) == "forward on cuda:0: expected success"


@pytest.mark.parametrize("dtype", ["int64", "int8", "complex64", "bool", "longdouble", ">f4"])
def test_dtypes_that_are_not_floats(arrays, dtype):
    x, y = arrays
    other = x.astype(dtype)
    name = other.dtype.str if dtype == ">f4" else other.dtype.name
    text = f"x: expected dtype float16, bfloat16, float32 or float64, got {name}$"
    rejects(InvalidType, text, _rectify.relu, memory(other, name), memory(y), 0.0, 0.0, math.inf, None)


def test_uint8_is_for_masks_alone(arrays):
    x, y = arrays
    rejects(
        InvalidType, "residual: expected dtype float16, .* got uint8$", forward, x=x, y=y, residual=x.astype(np.uint8)
    )
    rejects(InvalidType, "mask: expected dtype uint8, got float32$", forward, x=x, y=y, mask=x.ravel())


def test_objects_that_are_no_arrays(arrays):
    x, y = arrays
    for what, name in (([1.0], "list"), ("x", "str"), (x, "ndarray"), (object(), "object")):
        rejects(
            InvalidType,
            f"x: expected an array with .* or a tuple .*, got a {name}$",
            _rectify.relu,
            what,
            memory(y),
            0,
            0,
            1,
            None,
        )


@pytest.mark.parametrize(
    "index, item", [(0, "address"), (1, 32), (3, "0"), (4, [2, 3, 4]), (4, (2, "3", 4)), (5, (1, 1)), (5, 1), (0, None)]
)
def test_tuples_that_describe_no_array(arrays, index, item):
    x, y = arrays
    bad = list(memory(x))
    bad[index] = item
    text = r"x: expected a tuple \(address, dtype, cuda, index, shape, strides, writable\), got \("
    rejects(InvalidType, text, _rectify.relu, tuple(bad), memory(y), 0, 0, 1, None)
    rejects(InvalidType, text, _rectify.relu, tuple(bad)[:-1], memory(y), 0, 0, 1, None)


def test_outputs_that_are_read_only(arrays):
    x, y = arrays
    text = "y: expected a writable array, as it is an output, got a read-only one$"
    rejects(InvalidArgument, text, _rectify.relu, memory(x), memory(y, writable=False), 0, 0, 1, None)
    rejects(
        InvalidArgument,
        "mask: expected a writable array",
        forward,
        x=x,
        mask=memory(np.empty(3, np.uint8), writable=False),
    )
    rejects(
        InvalidArgument,
        "dbias: expected a writable array",
        backward,
        dy=x,
        x=x,
        dx=y,
        dbias=memory(np.empty(3, np.float32), writable=False),
        allocate=allocate,
    )


def test_inputs_may_be_read_only():
    x, y = np.ones(3), np.empty(3)
    _rectify.relu(memory(x, writable=False), memory(y), 0, 0, 2, None)


def test_shapes_and_strides(arrays):
    x, y = arrays
    rejects(Unsupported, "x: expected strides from 0 up, got", forward, x=x[::-1], y=y)
    rejects(InvalidArgument, "y: expected shape", forward, x=x[:1], y=y)
    nine = np.ones((1,) * 9, np.float32)
    rejects(InvalidArgument, "x: expected 0 to 8 axes, got 9$", forward, x=nine, y=y)
    rejects(InvalidArgument, "bias: expected 1 element, or 3", forward, x=x, y=y, bias=np.ones(4, np.float32))
    rejects(InvalidArgument, "channel_axis: ", forward, x=x, y=y, bias=np.ones(3, np.float32), channel_axis=3)


def test_numbers(arrays):
    x, y = arrays
    rejects(InvalidType, "alpha: expected a number, got a str$", _rectify.relu, memory(x), memory(y), "a", 0, 1, None)
    rejects(InvalidType, "gain: expected a number, got a NoneType$", forward, x=x, y=y, gain=None)
    rejects(InvalidArgument, "threshold: expected a number in the range", forward, x=x, y=y, threshold=10**400)
    rejects(InvalidArgument, "alpha: expected a finite number, got nan", forward, x=x, y=y, alpha=math.nan)
    rejects(InvalidArgument, "max_value: ", forward, x=x, y=y, max_value=-1)
    rejects(InvalidType, "channel_axis: expected an int, got a float$", forward, x=x, y=y, channel_axis=1.0)
    rejects(InvalidArgument, "channel_axis: expected an int of 32 bits, got", forward, x=x, y=y, channel_axis=1 << 40)
    rejects(InvalidArgument, "channel_axis: expected an int of 32 bits, got", forward, x=x, y=y, channel_axis=1 << 80)
    rejects(InvalidType, "stream: expected an int .* or None, got a str$", forward, x=x, y=y, stream="s")
    rejects(InvalidArgument, "stream: expected a cudaStream_t, got", forward, x=x, y=y, stream=1 << 70)
    rejects(
        InvalidArgument, "alpha: expected a number from 0 up, as the source is y", backward, dy=x, y=x, dx=y, alpha=-1
    )


def test_masks(arrays):
    x, y = arrays
    mask = np.zeros(6, np.uint8)
    rejects(InvalidArgument, "mask_bits: expected 1 or 2, got 3$", forward, x=x, y=y, mask=mask, mask_bits=3)
    rejects(InvalidArgument, "mask: expected 3 bytes or more, .* 1 bit, got 2$", forward, x=x, y=y, mask=mask[:2])
    rejects(
        InvalidArgument,
        "mask: expected 6 bytes or more, .* 2 bits, got 5$",
        forward,
        x=x,
        y=y,
        mask=mask[:5],
        mask_bits=2,
    )
    rejects(InvalidArgument, "mask: expected contiguous bytes, got a stride of 2$", forward, x=x, y=y, mask=mask[::2])
    rejects(InvalidArgument, "mask: expected 1 axis, got 2$", forward, x=x, y=y, mask=mask.reshape(2, 3))
    for order in [(0, 1), (0, 1, 1), (0, 1, 3), (-1, 0, 1), "abc", 5, (0, 1, 2, 3)]:
        rejects(
            InvalidArgument,
            "order: expected a tuple of the axes 0 to 2, got",
            forward,
            x=x,
            y=y,
            mask=mask,
            order=order,
        )
    assert not mask.any()


def test_operands_that_are_missing(arrays):
    x, y = arrays
    rejects(InvalidArgument, "x: expected a tensor, got none", forward, y=y)
    rejects(InvalidArgument, "y, mask: expected a tensor", forward, x=x)
    rejects(InvalidArgument, "source: expected exactly one of x, y, mask, got none", backward, dy=x, dx=y)


def test_workspaces(arrays):
    x, y = arrays
    call = dict(dy=x, x=x, dx=y, dbias=np.empty(3, np.float32))
    rejects(InvalidArgument, "allocate: expected a function, as sums need a workspace, got None$", backward, **call)
    rejects(
        InvalidArgument,
        "workspace: expected .* bytes or more, got",
        backward,
        **call,
        allocate=lambda size: allocate(size - 1),
    )
    rejects(
        InvalidType, "workspace: expected dtype uint8, got float32$", backward, **call, allocate=lambda size: memory(x)
    )
    rejects(ZeroDivisionError, "", backward, **call, allocate=lambda size: 1 // 0)
    rejects(TypeError, "", backward, **call, allocate=lambda: None)


def test_counts_and_names_of_arguments(arrays):
    x, y = arrays
    rejects(InvalidType, "relu: expected 6 arguments, got 2$", _rectify.relu, memory(x), memory(y))
    rejects(InvalidType, "backward: expected 24 arguments, got 1$", _rectify.backward, memory(x))
    rejects(TypeError, ".*no keyword arguments", _rectify.forward, x=memory(x))


def test_operands_on_two_devices(arrays):
    x, y = arrays
    if not HAS_CUDA:
        pytest.skip("this build has no CUDA, so it rejects an array on a GPU for that reason")
    rejects(InvalidArgument, "y: expected device cpu as x, got cuda:0", forward, x=x, y=memory(y, cuda=True))


def test_cuda_arrays_without_a_gpu(arrays):
    x, y = arrays
    if HAS_GPU:
        pytest.skip("there is a GPU")
    on_gpu = dict(x=memory(x, cuda=True, index=1), y=memory(y, cuda=True, index=1))
    if not HAS_CUDA:
        text = "x: expected an array on the CPU, as this rectify was built without CUDA, got one on cuda:1; for CUDA, "
        return rejects(Unsupported, text, forward, **on_gpu)
    with pytest.raises(CudaError, match=r"^forward on cuda:1: expected success, got cudaError") as raised:
        forward(**on_gpu)
    assert raised.value.code != 0


def test_a_gpu_that_does_not_exist(arrays):
    x, y = arrays
    if not HAS_CUDA:
        pytest.skip("this build has no CUDA")
    with pytest.raises(CudaError):
        forward(x=memory(x, cuda=True, index=99), y=memory(y, cuda=True, index=99))
