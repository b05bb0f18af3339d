"""What is kept for backward, in bytes."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import rectify.torch.functional as F  # noqa: E402
from rectify import InvalidArgument  # noqa: E402
from rectify.torch import FusedLeakyReLU, LeakyReLU, replace_activations  # noqa: E402

N = 1 << 16
X, Y, ONE_BIT, TWO_BITS = 4 * N, 4 * N, N // 8, N // 4


def kept(function, *tensors):
    """The storages that autograd keeps for backward, and their bytes, without those of parameters."""
    storages = {}

    def pack(tensor):
        if not tensor.is_leaf or not tensor.requires_grad:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = function(*tensors)
    return y, storages


def x_and(*parameters):
    return [torch.randn(N // 64, 64, requires_grad=True) * 1, *parameters]


SLOPES = torch.full((64,), 0.1)
CALLS = [
    # the call, what "auto" keeps, its bytes
    ("relu", lambda x, **m: F.relu(x, **m), "y"),
    ("relu6", lambda x, **m: F.relu6(x, **m), "y"),
    ("leaky", lambda x, **m: F.leaky_relu(x, 0.2, **m), "y"),
    ("leaky, negative slope", lambda x, **m: F.leaky_relu(x, -0.2, **m), ONE_BIT),
    ("threshold", lambda x, **m: F.threshold(x, 0.5, **m), "y"),
    ("negative threshold", lambda x, **m: F.threshold(x, -0.5, **m), ONE_BIT),
    ("cap that float32 has not", lambda x, **m: F.hardtanh(x, 0, 0.1, **m), ONE_BIT),
    ("cap that float32 has", lambda x, **m: F.hardtanh(x, 0, 0.125, **m), "y"),
    ("leaky with a cap that float32 has not", lambda x, **m: F.rectify(x, alpha=0.1, max_value=0.3, **m), TWO_BITS),
    ("bias and gain", lambda x, **m: F.fused_leaky_relu(x, torch.zeros(64), **m), "y"),
    ("negative gain", lambda x, **m: F.rectify(x, alpha=0.1, gain=-1.0, **m), ONE_BIT),
    ("residual", lambda x, **m: F.rectify(x, alpha=0.1, residual=torch.ones(N // 64, 64), **m), ONE_BIT),
    ("scale that is fixed", lambda x, **m: F.rectify(x, alpha=0.1, scale=torch.ones(64), **m), ONE_BIT + 256),
    ("slopes that are fixed", lambda x, **m: F.rectify(x, alpha=SLOPES, **m), ONE_BIT + 256),
    ("slopes that are learned", lambda x, **m: F.prelu(x, SLOPES.clone().requires_grad_(), **m), "x"),
    ("scale that is learned", lambda x, **m: F.rectify(x, scale=SLOPES.clone().requires_grad_(), **m), "x"),
]


@pytest.mark.parametrize(("call", "expected"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_auto_keeps_the_least_that_serves(call, expected):
    (x,) = x_and()
    y, storages = kept(call, x)
    if expected in ("x", "y"):
        assert list(storages) == [(x if expected == "x" else y).untyped_storage().data_ptr()]
    else:
        assert sum(storages.values()) == expected and x.untyped_storage().data_ptr() not in storages


def test_what_was_chosen_is_kept():
    for save, size in (("x", X), ("y", Y), ("mask", ONE_BIT)):
        (x,) = x_and()
        y, storages = kept(lambda t: F.leaky_relu(t, 0.2, save=save), x)
        assert list(storages.values()) == [size]
        assert (x.untyped_storage().data_ptr() in storages) == (save == "x")
        assert (y.untyped_storage().data_ptr() in storages) == (save == "y")


def test_a_cap_that_is_exact_only_with_more_digits():
    for dtype, cap, exact in (
        (torch.bfloat16, 6.0, True), (torch.bfloat16, 6.03125, True), (torch.bfloat16, 6.015625, False),
        (torch.float16, 6.00390625, True), (torch.float16, 6.001953125, False), (torch.float16, 70000.0, False),
        (torch.float16, 65504.0, True), (torch.float16, 1e-6, False), (torch.float64, 0.1, True),
    ):  # fmt: skip
        x = torch.randn(8, dtype=torch.float64).to(dtype).requires_grad_()
        if exact:
            F.hardtanh(x, 0, cap, save="y").sum().backward()
        else:
            with pytest.raises(InvalidArgument, match="max_value"):
                F.hardtanh(x, 0, cap, save="y")


def network(activation):
    torch.manual_seed(0)
    layers = []
    for _ in range(4):
        layers += [torch.nn.Conv2d(8, 8, 3, padding=1), activation(), torch.nn.AvgPool2d(3, 1, 1)]
    return torch.nn.Sequential(*layers)


def test_a_network_keeps_less_than_with_torch():
    """Before a pooling, which keeps its input too, y costs nothing; the mask of a layer before a sum costs 1/32 of x."""
    x = torch.randn(2, 8, 32, 32)
    totals = {}
    for name, activation in (
        ("torch", lambda: torch.nn.LeakyReLU(0.2)),
        ("y", lambda: LeakyReLU(0.2, save="y")),
        ("mask", lambda: LeakyReLU(0.2, save="mask")),
    ):
        totals[name] = sum(kept(network(activation), x)[1].values())
    one = 4 * x.numel()
    assert totals["torch"] - totals["y"] == 4 * one  # x of every activation
    assert totals["y"] - totals["mask"] == -4 * one // 32


def test_before_a_sum_a_mask_is_the_least():
    def block(save):
        return lambda x: x + FusedLeakyReLU(8, save=save)(torch.nn.functional.conv2d(x, weight))

    weight = torch.randn(8, 8, 1, 1, requires_grad=True)
    x = torch.randn(2, 8, 32, 32, requires_grad=True)
    sizes = {save: sum(kept(block(save), x)[1].values()) for save in ("x", "y", "mask")}
    one = 4 * x.numel()
    assert sizes["y"] <= sizes["x"]
    assert sizes["mask"] == sizes["y"] - one + one // 32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_peak_memory_on_a_gpu():
    def peak(make):
        model = make().cuda()
        x = torch.randn(32, 8, 128, 128, device="cuda")
        model(x).sum().backward()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        model(x).sum().backward()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()

    def replaced():
        model = network(lambda: torch.nn.LeakyReLU(0.2))
        replace_activations(model)
        return model

    assert peak(replaced) < 0.85 * peak(lambda: network(lambda: torch.nn.LeakyReLU(0.2)))
