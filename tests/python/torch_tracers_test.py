"""rectify.torch under tracers, autocast, checkpoint and other modes of PyTorch."""

import copy
import io

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_cases import ALL, FUSED, PLAIN, bits, cases  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

import rectify.torch.functional as F  # noqa: E402
from rectify.torch import FusedLeakyReLU, LeakyReLU, PReLU, ReLU6  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()


def both(function, compiled, tensors):
    """The outputs and the gradients of a function, as it is and compiled."""
    results = []
    for call in (function, compiled):
        inputs = [tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in tensors]
        y = call(*inputs)
        results.append((y, *torch.autograd.grad(y.square().sum(), inputs)))
    return results


def assert_equal_bits(results):
    for got, expected in zip(*results):
        assert torch.equal(bits(got), bits(expected))


@cases(ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck_of_the_operator_for_tracers(case, dtype, monkeypatch):
    """What torch.library.opcheck tests: schema, autograd registration, fake kernel, AOTAutograd."""
    from rectify.torch import _formulas, _ops

    seen = []
    operator = _formulas._operator
    monkeypatch.setattr(_formulas, "_operator", lambda *operands: (seen.append(operands), operator(*operands))[1])
    monkeypatch.setattr(F, "_is_compiling", lambda: True)
    monkeypatch.setattr(_ops, "_is_compiling", lambda: True)
    for save in ("auto", "x"):
        case.call(*case.tensors(dtype=dtype), save=save)
    for operands in seen:
        torch.library.opcheck(operator, operands)


def test_opcheck_of_the_other_operators():
    from rectify.torch import _ops
    from rectify.torch._saving import Numbers

    x = torch.randn(2, 3, 4)
    numbers = (0.1, 0.2, 1.5)
    torch.library.opcheck(_ops._relu_op, (x, *numbers))
    torch.library.opcheck(_ops.relu_backward_by_operator, (x, x, False, *numbers))
    call = Numbers(*numbers, 2.0, 1)
    settings = call.keeping("mask", [x, *[None] * 6]).settings
    bias = torch.randn(3)
    torch.library.opcheck(_ops._forward_op, (x, None, bias, None, None, None, None, *settings))
    outputs = [1, 1, 0, 2, 1, 0, 0]
    torch.library.opcheck(_ops._backward_op, (x, x, "x", None, bias, None, None, None, None, *call, 0, None, outputs))


INDUCTOR = [(case, "inductor") for case in (PLAIN[2], FUSED[2], FUSED[-1])]  # it takes long


@pytest.mark.parametrize(
    ("case", "backend"), [*((case, "aot_eager") for case in ALL), *INDUCTOR], ids=lambda value: getattr(value, "name", value)
)
def test_compile_gives_the_same_bits(case, backend):
    compiled = torch.compile(lambda *t: case.call(*t), fullgraph=True, backend=backend)
    assert_equal_bits(both(case.call, compiled, case.tensors(dtype=torch.float32)))


@pytest.mark.parametrize("save", ["x", "y", "mask"])
@pytest.mark.parametrize("layout", ["rows", "channels_last", "slice"])
def test_compile_with_every_source_and_layout(save, layout):
    x = torch.randn(2, 8, 5, 6)
    if layout == "channels_last":
        x = x.to(memory_format=torch.channels_last)
    if layout == "slice":
        x = torch.randn(2, 16, 5, 6)[:, ::2]
    x.requires_grad_()

    def function(t):
        return F.rectify(t * 1, alpha=0.2, max_value=1.0, gain=2.0, save=save)

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    (y, dx), (y_compiled, dx_compiled) = both(function, compiled, [x])
    assert torch.equal(y, y_compiled) and torch.equal(dx, dx_compiled)
    assert y.stride() == y_compiled.stride()


def test_compile_with_dynamic_shapes():
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(lambda t, b: F.fused_leaky_relu(t, b, save="mask"), fullgraph=True, dynamic=True, backend=counter)
    for rows in (2, 5, 7, 9):
        x, bias = torch.randn(rows, 8, 6, requires_grad=True), torch.randn(8, requires_grad=True)
        assert_equal_bits(both(F.fused_leaky_relu, compiled, [x, bias]))
    assert counter.frame_count <= 2


def test_compile_in_place():
    def function(t):
        t = t * 1
        F.leaky_relu(t, 0.2, inplace=True)
        return t + 1

    x = torch.randn(6, requires_grad=True)
    assert_equal_bits(both(function, torch.compile(function, fullgraph=True, backend="aot_eager"), [x]))


def test_compile_of_modules_and_of_training():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), FusedLeakyReLU(4), torch.nn.Conv2d(4, 4, 3), PReLU(4), LeakyReLU(0.1, inplace=True), ReLU6()
    )
    other = copy.deepcopy(model)
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    x = torch.randn(2, 3, 8, 8)
    for _ in range(2):
        for module, network in ((model, model), (other, compiled)):
            module.zero_grad()
            network(x).square().sum().backward()
            with torch.no_grad():
                for p in module.parameters():
                    p -= 0.01 * p.grad
    for p, q in zip(model.parameters(), other.parameters()):
        assert torch.equal(p, q)


@cases(ALL)
def test_export(case):
    tensors = case.tensors(dtype=torch.float32, requires_grad=False)

    class Module(torch.nn.Module):
        def forward(self, *t):
            return case.call(*t)

    for strict in (False, True):
        program = torch.export.export(Module(), tuple(tensors), strict=strict)
        assert "rectify.forward" in str(program.graph)
        stream = io.BytesIO()
        torch.export.save(program, stream)
        stream.seek(0)
        assert torch.equal(torch.export.load(stream).module()(*tensors), case.call(*tensors))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_keeps_activations_in_16_bits_and_parameters_in_32(dtype):
    layer, activation, slope = torch.nn.Linear(8, 8), FusedLeakyReLU(8), PReLU(8)
    x = torch.randn(4, 8)
    with torch.autocast("cpu", dtype=dtype):
        h = layer(x)
        y = slope(activation(h))
    assert h.dtype == y.dtype == dtype
    assert torch.equal(y, F.prelu(F.fused_leaky_relu(h, activation.bias), slope.weight))
    y.float().sum().backward()
    for p in (activation.bias, slope.weight, layer.weight):
        assert p.grad.dtype == torch.float32 and p.grad.isfinite().all()


@cases(ALL)
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint(case, reentrant):
    tensors = case.tensors()
    y = checkpoint(case.call, *tensors, use_reentrant=reentrant)
    again = case.tensors()
    expected = torch.autograd.grad(case.call(*again).square().sum(), again)
    y.square().sum().backward()
    for tensor, gradient in zip(tensors, expected):
        assert torch.equal(tensor.grad, gradient)


def test_fake_and_meta_tensors():
    from torch._subclasses.fake_tensor import FakeTensorMode

    meta = torch.empty(2, 3, device="meta", requires_grad=True)
    y = F.prelu(meta, torch.empty(3, device="meta", requires_grad=True))
    y.sum().backward()
    assert y.device.type == "meta" and meta.grad.shape == (2, 3)
    with FakeTensorMode():
        x = torch.empty(2, 3, requires_grad=True)
        F.leaky_relu(x, 0.2, save="mask").sum().backward()
        assert x.grad.shape == (2, 3)


@pytest.mark.filterwarnings("ignore")
def test_jit_trace_records_the_operator():
    traced = torch.jit.trace(lambda t: F.leaky_relu(t, 0.2) + 1, torch.randn(4))
    x = torch.randn(4)
    assert torch.equal(traced(x), F.leaky_relu(x, 0.2) + 1)


def test_make_fx_records_the_operator():
    graph = torch.fx.experimental.proxy_tensor.make_fx(lambda t: F.leaky_relu(t, 0.2))(torch.randn(4))
    x = torch.randn(4)
    assert torch.equal(graph(x), F.leaky_relu(x, 0.2))


def test_subclasses_of_tensor_reach_the_operator():
    class Logged(torch.Tensor):
        calls = []

        @staticmethod
        def __new__(cls, inner):
            return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

        def __init__(self, inner):
            self.inner = inner

        @classmethod
        def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
            cls.calls.append(str(function))
            return function(*(a.inner if isinstance(a, Logged) else a for a in args), **(kwargs or {}))

    x = torch.randn(4)
    assert torch.equal(F.leaky_relu(Logged(x), 0.2), F.leaky_relu(x, 0.2))
    assert Logged.calls == ["rectify._relu.default"]


def test_negated_views():
    z = torch.randn(6, dtype=torch.complex64).conj().imag
    assert z.is_neg()
    assert torch.equal(F.leaky_relu(z, 0.2), F.leaky_relu(z.clone(), 0.2))


def test_inference_mode_and_cpu_threads():
    with torch.inference_mode():
        x = torch.randn(100_000)
        y = F.leaky_relu(x, 0.2)
        F.leaky_relu(x, 0.2, inplace=True)
        assert torch.equal(x, y)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.equal(F.leaky_relu(y, 0.2), torch.nn.functional.leaky_relu(y, 0.2))
    finally:
        torch.set_num_threads(threads)
