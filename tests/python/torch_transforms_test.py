"""rectify.torch where PyTorch does more than call the kernel: recorded graphs, forward mode over an earlier call, batches of
gradients with create_graph=True, transforms in place, and transforms under torch.compile. In each, what a call without a formula
would lose is a gradient, without an error."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.autograd import forward_ad  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402
from torch_cases import ALL, PLAIN, cases  # noqa: E402

import rectify  # noqa: E402
import rectify.torch.functional as F  # noqa: E402
from rectify.torch import FusedLeakyReLU, LeakyReLU, PReLU, Rectify, ReLU, replace_activations  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("error:.*an autograd kernel was not registered"),
]


def first_and_second(function, tensors):
    first = torch.autograd.grad(function(*tensors).square().sum(), tensors, create_graph=True)
    return *first, *torch.autograd.grad(sum(g.square().sum() for g in first), tensors)


def recorded_by_make_fx(call, tensors):
    return make_fx(call)(*(tensor.detach() for tensor in tensors))


def recorded_by_trace(call, tensors):
    return torch.jit.trace(call, tuple(tensor.detach() for tensor in tensors))


def recorded_by_trace_with_gradients(call, tensors):
    return torch.jit.trace(call, tuple(tensors))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("record", [recorded_by_make_fx, recorded_by_trace, recorded_by_trace_with_gradients])
@cases(ALL)
def test_a_recorded_graph_has_the_gradients(case, record):
    graph = record(lambda *t: case.call(*t), case.tensors())
    for got, expected in zip(first_and_second(graph, case.tensors()), first_and_second(case.call, case.tensors())):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("inplace", [False, True])
def test_a_traced_model_can_be_saved_and_trained(inplace, tmp_path):
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.ReLU(inplace), torch.nn.Linear(6, 6), torch.nn.LeakyReLU(0.1, inplace), torch.nn.PReLU()
    )
    replace_activations(model)
    x = torch.randn(3, 4)
    torch.jit.trace(model, x).save(tmp_path / "model.pt")
    loaded = torch.jit.load(tmp_path / "model.pt")
    assert torch.equal(loaded(x), model(x))
    for network in (model, loaded):
        network(x).square().sum().backward()
    for got, expected in zip(loaded.parameters(), model.parameters()):
        torch.testing.assert_close(got.grad, expected.grad)


def test_symbolic_trace_records_the_functions():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), ReLU(), FusedLeakyReLU(4), PReLU(4), Rectify(0.1))
    graph = torch.fx.symbolic_trace(model)
    targets = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert targets == [F.relu, F.fused_leaky_relu, F.prelu, F.rectify]
    x = torch.randn(3, 4)
    assert torch.equal(graph(x), model(x))


@cases(ALL)
def test_forward_mode_over_the_backward_of_an_earlier_call(case):
    for create_graph in (False, True):
        results = []
        for function in (case.call, case.composed):
            tensors = case.tensors()
            y = function(*tensors)
            with forward_ad.dual_level():
                dy = forward_ad.make_dual(torch.ones_like(y), torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape))
                gradients = torch.autograd.grad(y, tensors, dy, create_graph=create_graph)
                results.append([forward_ad.unpack_dual(gradient).tangent for gradient in gradients])
        for got, expected in zip(*results):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("save", ["x", "y", "mask"])
def test_forward_mode_over_an_earlier_call_with_every_source(save):
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = F.leaky_relu(x, 0.5, save=save)
    with forward_ad.dual_level():
        dy = forward_ad.make_dual(torch.ones(2), torch.tensor([10.0, 20.0]))
        (dx,) = torch.autograd.grad(y, x, dy)
        assert forward_ad.unpack_dual(dx).tangent.tolist() == [5.0, 20.0]


@cases(ALL)
def test_batched_gradients_can_be_differentiated(case):
    results = []
    for function in (case.call, case.composed):
        tensors = case.tensors()
        y = function(*tensors).pow(3)
        dy = torch.stack([torch.ones_like(y), torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)])
        first = torch.autograd.grad(y, tensors, dy, create_graph=True, is_grads_batched=True)
        results.append((*first, *torch.autograd.grad(sum(g.square().sum() for g in first), tensors)))
    for got, expected in zip(*results):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@cases(PLAIN)
def test_transforms_in_place(case):
    def function(x):
        x = x * 1
        case.call(x, inplace=True)
        return x.square().sum()

    def expected(x):
        return case.composed(x).square().sum()

    (x,) = case.tensors(requires_grad=False)
    torch.testing.assert_close(torch.func.grad(function)(x), torch.func.grad(expected)(x))
    torch.testing.assert_close(torch.func.hessian(function)(x), torch.func.hessian(expected)(x))
    torch.testing.assert_close(torch.vmap(torch.func.grad(function))(x), torch.vmap(torch.func.grad(expected))(x))


def test_a_batch_without_samples():
    def gradient(x, weight):
        return torch.func.grad(lambda x, weight: F.prelu(x, weight).sum(), argnums=(0, 1))(x, weight)

    x, weight = torch.randn(0, 2, 3), torch.randn(0, 3)
    assert torch.vmap(F.prelu)(x, weight).shape == (0, 2, 3)
    assert [g.shape for g in torch.vmap(gradient)(x, weight)] == [(0, 2, 3), (0, 3)]


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap of grad"])
@cases(ALL)
def test_transforms_under_compile(case, transform):
    tensors = case.tensors(requires_grad=False)

    def loss(*t):
        return case.call(*t).square().sum()

    gradient = torch.func.grad(loss, argnums=tuple(range(len(tensors))))
    if transform == "grad":
        function = gradient
    elif transform == "jvp":

        def function(*t):
            return torch.func.jvp(case.call, t, tuple(torch.ones_like(one) for one in t))

    else:

        def function(*t):
            return torch.vmap(gradient)(*(torch.stack([one, one * 0.9]) for one in t))

    torch._dynamo.reset()
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*tensors), function(*tensors), rtol=1e-9, atol=1e-9)


def test_out_does_not_lose_a_tangent():
    out = torch.empty(2)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.tensor([-1.0, 2.0]), torch.ones(2))
        with pytest.raises(rectify.InvalidArgument, match="out: .*tangent"):
            F.rectify(dual, alpha=0.5, out=out)


@pytest.mark.skipif(torch.__version__ < (2, 6), reason="AOTInductor's packages are of PyTorch 2.6")
def test_aotinductor_packages_a_model(tmp_path):
    """AOTInductor writes a graph as JSON, which has no infinity."""
    x = torch.randn(4, 3, 5)
    model = LeakyReLU(0.1)
    program = torch.export.export(model, (x,))
    path = torch._inductor.aoti_compile_and_package(program, package_path=str(tmp_path / "model.pt2"))
    assert torch.equal(torch._inductor.aoti_load_package(path)(x), model(x))
