"""Results of rectify.torch bit by bit: the definition, torch's own functions, layouts and dtypes."""

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_cases import bits, device  # noqa: E402

import rectify.torch.functional as F  # noqa: E402

TF = torch.nn.functional
HALVES = [torch.float16, torch.bfloat16]
dtypes = pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64])

# name: rectify's call, torch's own, the function's numbers
FUNCTIONS = {
    "relu": (F.relu, TF.relu, (0.0, 0.0, math.inf)),
    "relu6": (F.relu6, TF.relu6, (0.0, 0.0, 6.0)),
    "hardtanh(0, 5)": (lambda x: F.hardtanh(x, 0, 5.0), lambda x: TF.hardtanh(x, 0, 5.0), (0.0, 0.0, 5.0)),
    "hardtanh(0, 0.1)": (lambda x: F.hardtanh(x, 0, 0.1), lambda x: TF.hardtanh(x, 0, 0.1), (0.0, 0.0, 0.1)),
    "leaky_relu(0.01)": (F.leaky_relu, TF.leaky_relu, (0.01, 0.0, math.inf)),
    "leaky_relu(0.3)": (lambda x: F.leaky_relu(x, 0.3), lambda x: TF.leaky_relu(x, 0.3), (0.3, 0.0, math.inf)),
    "leaky_relu(-2)": (lambda x: F.leaky_relu(x, -2), lambda x: TF.leaky_relu(x, -2), (-2.0, 0.0, math.inf)),
    "leaky_relu(0)": (lambda x: F.leaky_relu(x, 0), lambda x: TF.leaky_relu(x, 0), (0.0, 0.0, math.inf)),
    "threshold(1, 0)": (lambda x: F.threshold(x, 1), lambda x: TF.threshold(x, 1, 0), (0.0, 1.0, math.inf)),
    "threshold(0.1, 0)": (lambda x: F.threshold(x, 0.1), lambda x: TF.threshold(x, 0.1, 0), (0.0, 0.1, math.inf)),
    "prelu(0.25)": (lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype, device=x.device)),
                    lambda x: TF.prelu(x, torch.tensor([0.25], dtype=x.dtype, device=x.device)), (0.25, 0.0, math.inf)),
}  # fmt: skip
functions = pytest.mark.parametrize("name", FUNCTIONS)


def every_half(dtype, device):
    return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype).to(device)


def definition(x, dy, alpha, threshold, max_value):
    """y and dx of docs/semantics.md, section 1, in float32."""
    z, g = x.float(), dy.float()
    a, t, m = (torch.tensor(number, dtype=torch.float32, device=x.device) for number in (alpha, threshold, max_value))
    below, saturated = ~(z > t), torch.isfinite(m) & (z >= m)
    zero = torch.zeros_like(z)
    y = torch.where(below, a * (z - t) if alpha else zero, torch.where(saturated, m, z))
    y = torch.where(torch.isnan(z), z, y)
    dx = torch.where(below, a * g if alpha else zero, torch.where(saturated, zero, g))
    return y.to(x.dtype), dx.to(x.dtype)


def run(function, x, dy):
    x = x.detach().requires_grad_()
    y = function(x)
    (dx,) = torch.autograd.grad(y, x, dy)
    return y.detach(), dx


def cotangent(x):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(x.shape, generator=generator).to(x.device, x.dtype)


@device
@functions
@pytest.mark.parametrize("dtype", HALVES)
def test_every_half_gives_the_bits_of_the_definition(name, dtype, device):
    function, _, numbers = FUNCTIONS[name]
    x = every_half(dtype, device)
    dy = cotangent(x)
    for got, expected in zip(run(function, x, dy), definition(x, dy, *numbers)):
        assert torch.equal(bits(got), bits(expected))
    with torch.no_grad():
        assert torch.equal(bits(function(x)), bits(definition(x, dy, *numbers)[0]))


def known_differences(name, x):
    """The elements where docs/semantics.md says that torch's y and dx differ from rectify's."""
    nan, zero = torch.isnan(x), (x == 0) & torch.signbit(x)
    none = torch.zeros_like(nan)
    if name == "leaky_relu(0)":  # torch multiplies by 0: -0.0, and NaN for -inf
        return x <= 0, ~(x > 0)
    if name.startswith(("relu", "hardtanh")):
        return zero, nan
    if name.startswith("threshold"):
        return none, nan
    return none, none


@device
@functions
@pytest.mark.parametrize("dtype", HALVES)
def test_differences_from_torch_are_those_of_the_page_on_semantics(name, dtype, device):
    function, own, _ = FUNCTIONS[name]
    x = every_half(dtype, device)
    dy = cotangent(x)
    for got, theirs, allowed in zip(run(function, x, dy), run(own, x, dy), known_differences(name, x)):
        assert not ((bits(got) != bits(theirs)) & ~allowed).any()


@device
@dtypes
@functions
def test_random_numbers_give_the_bits_of_torch(name, dtype, device):
    function, own, _ = FUNCTIONS[name]
    x = torch.randn(10_007, dtype=torch.float64).to(device, dtype)
    for got, theirs in zip(run(function, x, cotangent(x)), run(own, x, cotangent(x))):
        if name == "leaky_relu(0)":
            got, theirs = got + 0, theirs + 0  # the sign of zeros
        assert torch.equal(bits(got), bits(theirs))


@pytest.mark.parametrize("dtype", HALVES)
def test_bias_and_gain_are_rounded_once(dtype):
    x = every_half(dtype, "cpu").reshape(-1, 64)
    x = x[torch.isfinite(x).all(1)]
    bias = torch.randn(64)  # float32 beside 16 bits
    z = x.float() + bias
    expected = torch.where(z > 0, z, z * torch.tensor(0.2)) * torch.tensor(2**0.5)
    assert torch.equal(bits(F.fused_leaky_relu(x, bias)), bits(expected.to(dtype)))


def layouts(dtype):
    x = torch.randn(4, 6, 5, 3).to(dtype)
    return {
        "rows": x,
        "channels_last": x.to(memory_format=torch.channels_last),
        "transposed": x.permute(3, 1, 0, 2),
        "every other": torch.randn(4, 6, 5, 6).to(dtype)[..., ::2],
        "columns": torch.randn(4, 12, 5, 3).to(dtype)[:, 3:9],
        "expanded": torch.randn(4, 6, 1, 1).to(dtype).expand(4, 6, 5, 3),
        "shifted": torch.randn(4 * 6 * 5 * 3 + 1).to(dtype)[1:].reshape(4, 6, 5, 3),
        "scalar": torch.tensor(-2.0, dtype=dtype),
        "empty": torch.empty(0, 3, dtype=dtype),
        "eight axes": torch.randn(2, 1, 3, 1, 2, 2, 1, 2).to(dtype),
    }


@dtypes
@pytest.mark.parametrize("save", ["x", "y", "mask"])
@pytest.mark.parametrize("layout", layouts(torch.float32))
def test_layouts(layout, save, dtype):
    x = layouts(dtype)[layout]
    dy = torch.randn(x.shape).to(dtype)
    y, dx = run(lambda t: F.leaky_relu(t, 0.2, save=save), x, dy)
    own, own_dx = run(lambda t: TF.leaky_relu(t, 0.2), x, dy)
    assert torch.equal(y, own) and torch.equal(dx, own_dx)
    if layout != "expanded":
        assert y.stride() == own.stride()


@pytest.mark.parametrize("save", ["x", "y", "mask"])
@pytest.mark.parametrize("layout", ["rows", "channels_last", "every other", "columns"])
def test_layouts_with_channels(layout, save):
    x = layouts(torch.float32)[layout]
    results = []
    for kind in (save, None):
        inputs = [x.detach().requires_grad_(), torch.linspace(-1, 1, x.shape[1]).requires_grad_()]
        if kind:
            y = F.fused_leaky_relu(*inputs, save=kind)
        else:
            y = TF.leaky_relu(inputs[0] + inputs[1].reshape(-1, 1, 1), 0.2) * 2**0.5
        results.append((y, *torch.autograd.grad(y.square().sum(), inputs)))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


@dtypes
def test_in_place(dtype):
    for function, own in (
        (lambda t: F.leaky_relu(t, 0.2, inplace=True), lambda t: TF.leaky_relu(t, 0.2, inplace=True)),
        (lambda t: F.relu6(t, inplace=True), lambda t: TF.relu6(t, inplace=True)),
        (lambda t: F.threshold(t, 0.5, inplace=True), lambda t: TF.threshold(t, 0.5, 0, inplace=True)),
    ):
        results = []
        for f in (function, own):
            x = torch.linspace(-7, 7, 101).to(dtype).requires_grad_()
            h = x * 1
            address = h.data_ptr()
            y = f(h)
            assert y is h and y.data_ptr() == address
            results.append((y.detach().clone(), *torch.autograd.grad(y.sum(), x)))
            with torch.no_grad():
                plain = x.detach().clone()
                assert f(plain) is plain and torch.equal(bits(plain), bits(y))
        assert all(torch.equal(got, theirs) for got, theirs in zip(*results))


def test_in_place_with_a_negative_slope_keeps_a_mask():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    h = x * 1
    y = F.leaky_relu(h, -2.0, inplace=True)
    assert y is h and y.tolist() == [2.0, 2.0]
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [-2.0, 1.0]  # read off y, it would be [1, 1]


def test_in_place_changes_are_noticed_by_autograd():
    x = torch.randn(4, requires_grad=True)
    h = x * 1
    z = h.square()
    F.relu(h, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    y = F.leaky_relu(x * 1, 0.2)
    with torch.no_grad():
        F.relu(y, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_out():
    x, residual = torch.randn(4, 6), torch.randn(4, 6)
    expected = F.rectify(x, alpha=0.1, residual=residual, gain=2.0)
    out = torch.empty_like(x)
    version = out._version
    assert F.rectify(x, alpha=0.1, residual=residual, gain=2.0, out=out) is out
    assert torch.equal(out, expected) and out._version > version
    assert torch.equal(F.rectify(x, alpha=0.1, residual=residual, gain=2.0, out=residual), expected)


def test_threads():
    from concurrent.futures import ThreadPoolExecutor

    x = torch.randn(200_000)
    expected = TF.leaky_relu(x, 0.2)
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(y, expected) for y in pool.map(lambda _: F.leaky_relu(x, 0.2), range(16)))


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="no GPU")
def test_cuda_streams_and_graphs():
    x = torch.randn(1 << 20, device="cuda")
    expected = TF.leaky_relu(x, 0.2)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        late = x * 2
        y = F.leaky_relu(late, 0.2)
    stream.synchronize()
    assert torch.equal(y, TF.leaky_relu(x * 2, 0.2))
    with torch.cuda.stream(stream):
        F.leaky_relu(x, 0.2)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = F.leaky_relu(x, 0.2)
    y.zero_()
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(y, expected)
