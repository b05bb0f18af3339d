"""Bad input to rectify.torch: a typed error that names the operand, what was expected and what came; nothing is written."""

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import rectify  # noqa: E402
import rectify.torch as rt  # noqa: E402
import rectify.torch.functional as F  # noqa: E402
from rectify import InvalidArgument, InvalidType, Unsupported  # noqa: E402

X = torch.randn(2, 3, 4)


def f64(*shape):
    return torch.zeros(*shape, dtype=torch.float64)


ERRORS = {
    "integers": (lambda: F.relu(torch.arange(3)), InvalidType, "x: expected dtype float16.*got int64"),
    "bool": (lambda: F.relu(torch.tensor([True])), InvalidType, "x: expected dtype .*got bool"),
    "complex": (lambda: F.leaky_relu(torch.zeros(3, dtype=torch.complex64)), InvalidType, "x: expected dtype .*complex64"),
    "float8": (lambda: F.relu(torch.zeros(3).to(torch.float8_e4m3fn)), InvalidType, "x: expected dtype .*got float8_e4m3fn"),
    "integers on meta": (lambda: F.relu(torch.empty(3, dtype=torch.int32, device="meta")), InvalidType, "x: .*got int32"),
    "a list": (lambda: F.relu([1.0]), InvalidType, "input: expected a torch.Tensor, got list"),
    "a list as x": (lambda: F.rectify([1.0]), InvalidType, "x: expected a torch.Tensor, got list"),
    "a number as bias": (lambda: F.rectify(X, bias=1.0), InvalidType, "bias: expected a torch.Tensor, got float"),
    "two devices": (
        lambda: F.rectify(X, bias=torch.zeros(3, device="meta")), InvalidArgument, "bias: expected a tensor on cpu as x, got meta"),
    "two devices, trained": (
        lambda: F.prelu(X.to("meta"), torch.zeros(3, requires_grad=True)), InvalidArgument,
        "alpha: expected a tensor on meta as x, got cpu"),
    "two dtypes": (lambda: F.rectify(X, residual=f64(2, 3, 4)), InvalidArgument, "residual: expected dtype f32 as x, got f64"),
    "parameter of 16 bits beside float32": (
        lambda: F.rectify(X, bias=torch.zeros(3, dtype=torch.float16)), InvalidArgument, "bias: expected dtype f32 as x, got f16"),
    "parameter of float32 beside float64": (
        lambda: F.rectify(f64(2, 3), bias=torch.zeros(3)), InvalidArgument, "bias: expected dtype f64 as x, got f32"),
    "integers as bias": (lambda: F.rectify(X, bias=torch.arange(3)), InvalidType, "bias: expected dtype .*int64"),
    "bias of a wrong length": (lambda: F.rectify(X, bias=torch.zeros(4)), InvalidArgument, "bias"),
    "bias of a wrong length, trained": (
        lambda: F.fused_leaky_relu(X, torch.zeros(4, requires_grad=True)), InvalidArgument, "bias"),
    "weight of a wrong length": (
        lambda: F.prelu(X, torch.zeros(4)), InvalidArgument, "weight: expected 1 or 3 elements.*got 4"),
    "weight per channel without channels": (
        lambda: F.prelu(torch.zeros(3), torch.zeros(3)), InvalidArgument, "weight: expected 1 element.*got 3"),
    "weight that is a number": (lambda: F.prelu(X, 0.25), InvalidType, "weight: expected a torch.Tensor, got float"),
    "residual of another shape": (lambda: F.rectify(X, residual=torch.zeros(3)), InvalidArgument, "residual"),
    "channel_axis that x has not": (
        lambda: F.rectify(X, bias=torch.zeros(3), channel_axis=3), InvalidArgument, "channel_axis"),
    "channel_axis of another type": (lambda: F.rectify(X, channel_axis=1.0), InvalidType, "channel_axis: .*got float"),
    "gain 0": (lambda: F.rectify(X, gain=0), InvalidArgument, "gain"),
    "gain NaN": (lambda: F.rectify(X, gain=math.nan), InvalidArgument, "gain"),
    "slope NaN": (lambda: F.leaky_relu(X, math.nan), InvalidArgument, "alpha"),
    "slope inf, trained": (lambda: F.leaky_relu(X.clone().requires_grad_(), math.inf), InvalidArgument, "alpha"),
    "slope in words": (lambda: F.leaky_relu(X, "0.1"), InvalidType, "negative_slope: expected a number, got str"),
    "slope that is a tensor": (lambda: F.leaky_relu(X, torch.tensor(0.1)), InvalidType, "negative_slope: .*got Tensor"),
    "cap below the threshold": (lambda: F.rectify(X, threshold=2.0, max_value=1.0), InvalidArgument, "max_value"),
    "a value other than 0": (lambda: F.threshold(X, 0.1, 5), InvalidArgument, "value: expected 0, got 5"),
    "the min_val that PyTorch has where there is none": (lambda: F.hardtanh(X), InvalidArgument, "min_val: expected 0, got -1"),
    "a module with it": (lambda: rt.Hardtanh(max_val=6.0), InvalidArgument, "min_val: expected 0, got -1"),
    "a module with a value other than 0": (lambda: rt.Threshold(0.1, 20), InvalidArgument, "value: expected 0, got 20"),
    "a min_val other than 0": (lambda: F.hardtanh(X, -1, 1), InvalidArgument, "min_val: expected 0, got -1"),
    "sparse": (lambda: F.relu(torch.eye(3).to_sparse()), Unsupported, "expected dense tensors.*sparse_coo"),
    "sparse rows": (lambda: F.relu(torch.eye(3).to_sparse_csr()), Unsupported, "expected dense tensors.*sparse_csr"),
    "sparse, trained": (
        lambda: F.leaky_relu(torch.eye(3).to_sparse().requires_grad_(), -1.0), Unsupported, "expected dense tensors.*sparse"),
    "quantized": (
        lambda: F.relu(torch.quantize_per_tensor(X, 0.1, 0, torch.quint8)), Unsupported, "quantized"),
    "nine axes": (lambda: F.relu(torch.zeros([1] * 9)), InvalidArgument, "x.*8.*9"),
    "save in other words": (lambda: F.leaky_relu(X.clone().requires_grad_(), 0.1, save="all"), InvalidArgument, "save: .*all"),
    "save y with a negative slope": (
        lambda: F.leaky_relu(X.clone().requires_grad_(), -0.1, save="y"), InvalidArgument, "save: .*slope is negative.*got \"y\""),
    "save y with a residual": (
        lambda: F.rectify(X.clone().requires_grad_(), residual=X, save="y"), InvalidArgument, "save: .*residual"),
    "save y with a negative gain": (
        lambda: F.rectify(X.clone().requires_grad_(), gain=-1.0, save="y"), InvalidArgument, "save: .*gain"),
    "save a mask for a learned slope": (
        lambda: F.prelu(X, torch.ones(3, requires_grad=True), save="mask"), InvalidArgument, "save: .*gradient of alpha"),
    "save x in place": (
        lambda: F.leaky_relu(X.clone().requires_grad_() * 1, 0.1, inplace=True, save="x"), InvalidArgument, "save: .*overwritten"),
    "out of another shape": (lambda: F.rectify(X, out=torch.empty(3)), InvalidArgument, "out: expected shape"),
    "out of another dtype": (lambda: F.rectify(X, out=f64(2, 3, 4)), InvalidArgument, "out: expected .*float32.*float64"),
    "out that is no tensor": (lambda: F.rectify(X, out=[]), InvalidType, "out: expected a torch.Tensor, got list"),
    "out with a gradient": (
        lambda: F.rectify(X.clone().requires_grad_(), out=torch.empty_like(X)), InvalidArgument, "out: .*gradient"),
    "out with the gradient of a parameter": (
        lambda: F.rectify(X, bias=torch.zeros(3, requires_grad=True), out=torch.empty_like(X)), InvalidArgument, "out: .*gradient"),
    "out that overlaps itself": (
        lambda: F.rectify(X, out=torch.zeros(1).expand(2, 3, 4)), InvalidArgument, "y"),
    "out that overlaps x": (
        lambda: F.rectify(BUFFER[:-1], out=BUFFER[1:]), InvalidArgument, "y"),
}  # fmt: skip
BUFFER = torch.zeros(9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert isinstance(caught.value, rectify.Error)


def test_in_place_on_a_leaf_writes_nothing():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    for call in (lambda t: F.relu(t, inplace=True), lambda t: F.leaky_relu(t, -0.5, inplace=True)):
        with pytest.raises(InvalidArgument, match="inplace: expected False for a leaf that requires a gradient, got True"):
            call(x)
        with pytest.raises(InvalidArgument, match="inplace: expected False for a view of a leaf"):
            call(x[:1])
    assert x.tolist() == [-1.0, 2.0] and x._version == 0
    with torch.no_grad():
        assert F.relu(x, inplace=True).tolist() == [0.0, 2.0]


def test_in_place_on_an_expanded_tensor_writes_nothing():
    x = torch.tensor([-1.0]).expand(3)
    with pytest.raises(InvalidArgument, match="y"):
        F.relu(x, inplace=True)
    assert x.tolist() == [-1.0] * 3


def test_an_error_leaves_out_as_it_was():
    out = torch.full((2, 3, 4), 7.0)
    for more in ({"bias": torch.zeros(4)}, {"alpha": math.nan}, {"gain": 0.0}):
        with pytest.raises(InvalidArgument):
            F.rectify(X, out=out, **more)
    assert (out == 7).all()


def test_a_gradient_of_another_dtype_or_shape_is_an_error_of_torch():
    y = F.relu(X.clone().requires_grad_())
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        y.backward(torch.zeros(3))


def test_shapes_are_checked_under_a_tracer_too():
    compiled = torch.compile(lambda x, b: F.fused_leaky_relu(x, b), fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match="bias"):
        compiled(torch.randn(2, 3), torch.randn(4))
