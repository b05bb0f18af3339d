"""PyTorch tensors on the CPU in rectify.forward and rectify.backward: plain data in, plain data out."""

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Unsupported

from naive import CHANNELS, SHAPE, Function, assert_same, eighths, forward, sums

torch = pytest.importorskip("torch")

X, DY, BIAS = eighths(1, SHAPE), eighths(2, SHAPE), eighths(3, CHANNELS)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def tensor(array, dtype=torch.float32):
    return torch.from_numpy(array.copy()).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_layer(dtype):
    x, dy, bias = tensor(X, dtype), tensor(DY, dtype), tensor(BIAS, dtype)
    y, mask = rectify.forward(x, alpha=0.25, bias=bias, return_mask=True)
    assert type(y) is torch.Tensor and y.dtype == dtype and mask.bytes.dtype == torch.uint8
    assert_same(y.double().numpy(), tensor(forward(Function(0.25), X, bias=BIAS), dtype).double().numpy())
    assert_same(mask.unpack(), (X + BIAS[:, None] > 0).astype(np.uint8))
    got = rectify.backward(dy, mask=mask, alpha=0.25, dbias="channel")
    terms = sums(Function(0.25), DY, X, bias=BIAS)
    assert_same(got.dx.double().numpy(), tensor(terms["dbias"], dtype).double().numpy())
    assert got.dbias.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_same(got.dbias.float().numpy(), terms["dbias"].sum((0, 2)))
    got = rectify.backward(
        dy, x=x, alpha=torch.full((CHANNELS,), 0.25, dtype=dtype), bias=bias, dalpha=True, dbias=True
    )
    assert_same(got.dalpha.float().numpy(), terms["dalpha"].sum((0, 2)))
    assert_same(got.dbias.float().numpy(), terms["dbias"].sum((0, 2)))


def test_out_and_accumulate():
    x, out = tensor(X), torch.empty(SHAPE)
    assert rectify.forward(x, out=out) is out
    assert_same(out.numpy(), np.maximum(X, 0))
    dbias = torch.ones(CHANNELS)
    got = rectify.backward(tensor(DY), x=x, dx=x, dbias=dbias, accumulate=True)
    assert got.dx is x and got.dbias is dbias
    assert_same(x.numpy(), np.where(X > 0, DY, 0))
    assert_same(dbias.numpy(), 1 + np.where(X > 0, DY, 0).sum((0, 2)))


def test_orders():
    images = eighths(4, (2, 3, 4, 5))
    x = tensor(images).to(memory_format=torch.channels_last)
    y, mask = rectify.forward(x, alpha=0.5, return_mask=True)
    assert y.is_contiguous(memory_format=torch.channels_last) and mask.order == (0, 2, 3, 1)
    assert_same(mask.unpack(), (images > 0).astype(np.uint8))
    assert_same(
        rectify.backward(torch.ones_like(x), mask=mask, alpha=0.5).dx.numpy(),
        np.where(images > 0, 1, 0.5).astype(np.float32),
    )
    assert rectify.empty_mask(x).order == (0, 2, 3, 1) and rectify.empty_mask(x.contiguous()).order is None
    expanded = tensor(X[:1]).expand(SHAPE)
    assert_same(rectify.forward(expanded).numpy(), np.broadcast_to(np.maximum(X[:1], 0), SHAPE).copy())
    assert rectify.empty_mask(expanded).order is None


def test_tensors_beside_numpy():
    out = np.zeros_like(X)
    assert rectify.forward(tensor(X), bias=BIAS, out=out) is out
    assert_same(out, forward(Function(), X, bias=BIAS))
    assert_same(rectify.forward(X, residual=tensor(DY)), forward(Function(), X, residual=DY))
    mask = rectify.forward(X, return_mask=True)[1]
    with pytest.raises(
        InvalidArgument, match="^mask: expected bytes in an array of PyTorch, as dy is, got numpy.ndarray$"
    ):
        rectify.backward(tensor(DY), mask=mask)


def test_parameters_and_subclasses():
    class Named(torch.Tensor):
        pass

    with torch.no_grad():
        assert_same(rectify.forward(torch.nn.Parameter(tensor(X))).numpy(), np.maximum(X, 0))
        assert_same(
            rectify.forward(tensor(X), alpha=torch.nn.Parameter(torch.tensor(0.25))).numpy(), forward(Function(0.25), X)
        )
    assert_same(np.asarray(rectify.forward(tensor(X).as_subclass(Named))), np.maximum(X, 0))


@pytest.mark.parametrize("name", ["x", "residual", "bias", "alpha", "y"])
def test_tensors_that_require_grad(name):
    operands = {
        "x": tensor(X),
        "residual": tensor(DY),
        "bias": tensor(BIAS),
        "alpha": torch.tensor(0.25),
        "y": tensor(X),
    }
    operands[name].requires_grad_()
    before = operands["y"].detach().clone()
    x, out = operands.pop("x"), operands.pop("y")
    text = f"^{name}: expected a tensor that does not require grad, got one that does; rectify.torch has"
    with pytest.raises(InvalidArgument, match=text):
        rectify.forward(x, out=out, **operands)
    assert torch.equal(out, before)
    with torch.no_grad():
        rectify.forward(x, out=out, **operands)
    assert not torch.equal(out, before)


def test_results_never_require_grad():
    x = torch.nn.Parameter(tensor(X))
    with torch.no_grad():
        y, mask = rectify.forward(x, return_mask=True)
        got = rectify.backward(x, x=x, alpha=x.new_tensor(0.5), dalpha=True)
    assert not any(result.requires_grad for result in (y, mask.bytes, got.dx, got.dalpha))


def test_tensors_without_plain_memory():
    out = torch.full((3,), 7.0)
    for error, text, bad in (
        (Unsupported, "a dense tensor, got one of layout torch.sparse_coo", torch.zeros(3).to_sparse()),
        (Unsupported, "a tensor on the CPU or CUDA, got one on meta", torch.zeros(3, device="meta")),
        (
            Unsupported,
            "a tensor without a pending negation, got one; use",
            torch.zeros(3, dtype=torch.complex64).conj().imag,
        ),
        (rectify.Error, "", torch.quantize_per_tensor(torch.zeros(3), 1, 0, torch.qint8)),
        (InvalidType, "dtype float16, .* got complex64", torch.zeros(3, dtype=torch.complex64)),
        (InvalidType, "dtype float16, .* got int64", torch.zeros(3, dtype=torch.int64)),
        (InvalidType, "dtype float16, .* got bool", torch.zeros(3, dtype=torch.bool)),
    ):
        for name, call in (
            ("x", lambda: rectify.forward(bad, out=out)),
            ("residual", lambda: rectify.forward(torch.ones(3), residual=bad, out=out)),
            ("y", lambda: rectify.forward(torch.ones(3), out=bad)),
            ("x", lambda: rectify.backward(out, x=bad, dx=out)),
        ):
            with pytest.raises(error, match=f"^{name}: expected {text}"):
                call()
    assert (out == 7).all()


def test_tracers_and_wrappers():
    text = "^x: expected a tensor with memory of its own, got a wrapper or a tracer .*rectify.torch has functions"
    with pytest.raises(Unsupported, match=text):
        torch.vmap(rectify.forward)(tensor(X))
    with pytest.raises((Unsupported, InvalidArgument), match="^x: expected a tensor"):
        torch.func.grad(lambda x: rectify.forward(x).sum())(tensor(X))
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(), pytest.raises(Unsupported, match=text):
        rectify.forward(torch.zeros(3))


def test_threads_of_torch_are_those_of_the_call():
    x = torch.linspace(-1, 1, 300000)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(rectify.backward(x, x=x, alpha=0.25, dalpha=True).dalpha)
        assert torch.equal(*results)
    finally:
        torch.set_num_threads(threads)
