"""Calls of the module with tensors of torch, which it reads by DLPack's C table."""

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from module_support import BACKWARD, FORWARD, positional, python  # noqa: E402
from rectify import InvalidArgument, InvalidType, Unsupported, _rectify  # noqa: E402

if not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
    pytest.skip("this torch has no C table: it came with 2.10", allow_module_level=True)

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
needs_gpu = pytest.mark.skipif(
    not (torch.cuda.is_available() and _rectify.cuda_available()), reason="no GPU, or a build without CUDA"
)
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]


def forward(**given):
    return _rectify.forward(*positional(FORWARD, given))


def backward(**given):
    return _rectify.backward(*positional(BACKWARD, given))


def numbers(*shape, **options):
    return (
        torch.randint(-16, 17, shape, generator=torch.Generator().manual_seed(22))
        .to(torch.float64)
        .div(8)
        .to(**options)
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(dtype, device):
    x = numbers(3, 4, 5, dtype=dtype, device=device)
    y, dx = torch.empty_like(x), torch.empty_like(x)
    _rectify.relu(x, y, 0.5, 0.0, 1.0, None)
    assert torch.equal(y, torch.where(x > 0, x.clamp(max=1), x / 2))
    _rectify.relu_backward(x, y, True, dx, 0.5, 0.0, 1.0, None)
    assert torch.equal(dx, torch.where(x > 0, torch.where(x >= 1, 0, x), x / 2))


@pytest.mark.parametrize("device", DEVICES)
def test_layouts(device):
    x = numbers(4, 6, dtype=torch.float32, device=device)
    expected = torch.where(x > 0, x, x / 2)
    y = torch.full((6, 8), 7.0, device=device)
    _rectify.relu(x, y.T[::2], 0.5, 0.0, math.inf, None)
    assert torch.equal(y.T[::2], expected) and bool((y[:, 1::2] == 7).all())
    last = torch.full((4, 5), 7.0, device=device)
    _rectify.relu(x[:, 1:], last, 0.5, 0.0, math.inf, None)  # with an offset in its storage
    assert torch.equal(last, expected[:, 1:])
    for empty in (torch.empty(0, device=device), torch.empty(2, 0, 3, device=device)):
        _rectify.relu(empty, torch.empty_like(empty), 0.5, 0.0, math.inf, None)


@pytest.mark.parametrize("device", DEVICES)
def test_operands_a_mask_and_a_workspace(device):
    x, dy = (
        numbers(3, 4, 5, dtype=torch.float32, device=device),
        numbers(3, 4, 5, dtype=torch.float32, device=device).flip(0),
    )
    bias, alpha = (
        numbers(4, dtype=torch.float32, device=device),
        torch.nn.Parameter(torch.full((1,), 0.5, device=device)),
    )
    z = x + bias[:, None]
    y, mask = torch.empty_like(x), torch.empty(8, dtype=torch.uint8, device=device)
    forward(x=x, bias=bias, alpha=alpha.detach(), y=y, mask=mask)
    assert torch.equal(y, torch.where(z > 0, z, z / 2))
    dx, dbias = torch.empty_like(x), torch.empty(4, device=device)
    sizes = []

    def allocate(size):
        sizes.append(size)
        return torch.empty(size, dtype=torch.uint8, device=device)

    backward(dy=dy, mask=mask, alpha=alpha, dx=dx, dbias=dbias, allocate=allocate)
    expected = torch.where(z > 0, dy, dy / 2)
    assert torch.equal(dx, expected) and torch.equal(dbias, expected.sum((0, 2))) and len(sizes) == 1


def test_a_tensor_beside_a_tuple():
    x, y = numbers(7, dtype=torch.float32), torch.empty(7)
    _rectify.relu(x, (y.data_ptr(), "float32", False, 0, (7,), None, True), 0.0, 0.0, math.inf, None)
    assert torch.equal(y, x.relu())


def test_many_types_of_tensors():
    """More than the module remembers."""
    x, y = numbers(7, dtype=torch.float32), torch.empty(7)
    for number in range(10):
        subclass = type(f"Tensor{number}", (torch.Tensor,), {})
        for _ in range(2):
            _rectify.relu(x.as_subclass(subclass), y.fill_(7), 0.0, 0.0, math.inf, None)
            assert torch.equal(y, x.relu())
    for other in ([1.0], object()):
        with pytest.raises(InvalidType, match="^x: expected an array"):
            _rectify.relu(other, y, 0.0, 0.0, math.inf, None)


@pytest.mark.parametrize(
    "dtype, name",
    [
        (torch.int64, "int64"),
        (torch.bool, "bool"),
        (torch.complex64, "complex64"),
        (torch.uint8, "uint8"),
        (torch.float8_e4m3fn, "float8_e4m3fn"),
        (torch.float8_e5m2, "float8_e5m2"),
    ],
)
def test_dtypes_that_are_rejected(dtype, name):
    y = torch.full((7,), 7.0)
    with pytest.raises(InvalidType, match=f"^x: expected dtype float16, bfloat16, float32 or float64, got {name}$"):
        _rectify.relu(torch.zeros(7, dtype=dtype), y, 0.0, 0.0, 1.0, None)
    assert bool((y == 7).all())


def test_tensors_without_dense_memory():
    x, y = torch.ones(3, 3), torch.empty(3, 3)
    for what in (x.to_sparse(), x.to("meta"), torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)):
        with pytest.raises(
            Unsupported, match="^x: expected a dense array that DLPack can describe, got a Tensor: [^\n]+$"
        ):
            _rectify.relu(what, y, 0.0, 0.0, 1.0, None)


def test_two_dtypes_and_two_shapes():
    with pytest.raises(InvalidArgument, match="^y: expected dtype f32 as x, got f64"):
        _rectify.relu(torch.ones(3), torch.ones(3, dtype=torch.float64), 0.0, 0.0, 1.0, None)
    with pytest.raises(InvalidArgument, match="^y: expected shape"):
        _rectify.relu(torch.ones(3), torch.ones(4), 0.0, 0.0, 1.0, None)


def test_the_threads_are_those_of_torch():
    """The one runtime of OpenMP in the process is torch's, and so is the number of threads."""
    out = python("""
import math, os, torch
from rectify import _rectify
torch.set_num_threads(1)
x = torch.ones(1_000_000)
torch.set_num_threads(5)
before = len(os.listdir("/proc/self/task"))
_rectify.relu(x, x, 0.0, 0.0, math.inf, None)
print(len(os.listdir("/proc/self/task")) - before)
print(len({line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}))
""")
    assert out.split() == ["4", "1"]


@needs_gpu
def test_the_current_stream_is_used():
    """A graph captures only what is launched on its stream."""
    x, y = torch.ones(1000, device="cuda"), torch.zeros(1000, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        _rectify.relu(x, y, 0.0, 0.0, 2.0, None)
    assert not bool(y.any())
    graph.replay()
    torch.cuda.synchronize()
    assert bool((y == 1).all())


@needs_gpu
def test_a_stream_that_is_given_is_used():
    x, y = torch.ones(1000, device="cuda"), torch.zeros(1000, device="cuda")
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.cuda.stream(stream):
        graph.capture_begin()
        with torch.cuda.stream(torch.cuda.default_stream()):
            _rectify.relu(x, y, 0.0, 0.0, 2.0, stream.cuda_stream)
        graph.capture_end()
    assert not bool(y.any())
    graph.replay()
    torch.cuda.synchronize()
    assert bool((y == 1).all())


@needs_gpu
def test_operands_on_two_devices():
    with pytest.raises(InvalidArgument, match="^y: expected device cuda:0 as x, got cpu"):
        _rectify.relu(torch.ones(3, device="cuda"), torch.ones(3), 0.0, 0.0, 1.0, None)
