"""rectify.torch under torch.compile: which calls become torch's own operators, and that their results are eager rectify's bit by bit."""

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch._dynamo.backends.common import aot_autograd  # noqa: E402
from torch._functorch.aot_autograd import make_boxed_func  # noqa: E402
from torch_bits_test import FUNCTIONS, HALVES, every_half, layouts  # noqa: E402
from torch_cases import PLAIN, bits, device  # noqa: E402

import rectify  # noqa: E402
import rectify.torch.functional as F  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NUMBERS = {
    **{name: function for name, (function, *_) in FUNCTIONS.items() if not name.startswith("prelu")},
    "gain": lambda x: F.rectify(x, alpha=0.2, gain=2**0.5),
    "negative gain": lambda x: F.rectify(x, alpha=0.2, gain=-1.5),
    "threshold and gain": lambda x: F.rectify(x, threshold=0.7, gain=0.3),
    "cap and gain": lambda x: F.rectify(x, alpha=0.1, max_value=1.5, gain=0.3),
    "leaky from a threshold": lambda x: F.rectify(x, alpha=0.3, threshold=0.7, max_value=3.3),
    "leaky from a negative threshold": lambda x: F.rectify(x, alpha=0.3, threshold=-0.7),
}
SPECIAL = [math.inf, -math.inf, math.nan, -0.0, 0.0, 1e-40, -1e-40, 6.0, -6.0, 0.1, 0.7, 1.5, 3.0e38, -3.0e38]


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    with torch._functorch.config.patch(enable_autograd_cache=False):  # it does not know the source of the rules
        yield


def recorder(graphs):
    """A backend that notes the operators of the graphs of forward and backward."""

    def note(graph, _):
        graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
        return make_boxed_func(graph.forward)

    return aot_autograd(fw_compiler=note)


def operators_of(function, *tensors):
    """Those of rectify, in the graphs of forward and backward."""
    graphs = []
    compiled = torch.compile(function, fullgraph=True, backend=recorder(graphs))
    compiled(*tensors).sum().backward()
    assert len(graphs) == 2
    return [[name for name in names if name.startswith("rectify")] for names in graphs]


def gradients_of(functions, x, dy, backend=None):
    """y and dx of each function."""
    inputs = [x.detach().clone().requires_grad_() for _ in functions]

    def together(inputs):
        return [function(one) for function, one in zip(functions, inputs)]

    outputs = (torch.compile(together, fullgraph=True, backend=backend) if backend else together)(inputs)
    return outputs, torch.autograd.grad(outputs, inputs, [dy] * len(outputs))


def assert_same_bits(x, backend, functions):
    dy = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(x.device, x.dtype)
    for step, number in ((5, 0.0), (7, -0.0), (11, math.inf), (13, math.nan)):
        dy.view(-1)[::step] = number
    compiled = gradients_of(list(functions.values()), x, dy, backend)
    eager = gradients_of(list(functions.values()), x, dy)
    for what, many, expected_many in zip(("y", "dx"), compiled, eager):
        for name, got, expected in zip(functions, many, expected_many):
            different = bits(got) != bits(expected)
            first = [tensor[different][:4].tolist() for tensor in (x, dy, got, expected)]
            assert not different.any(), f"{name}: {what}; x, dy, got and expected: {first}"


@device
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", HALVES)
def test_every_half_gives_the_bits_of_eager_rectify(dtype, backend, device):
    assert_same_bits(every_half(dtype, device), backend, NUMBERS)


@device
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.slow)])
def test_special_and_random_numbers_give_the_bits_of_eager_rectify(dtype, backend, device):
    x = torch.cat([torch.tensor(SPECIAL, dtype=dtype), torch.linspace(-8, 8, 1007, dtype=dtype)]).repeat(5)
    assert_same_bits(x.to(device), backend, NUMBERS)


def test_calls_of_numbers_become_operators_of_torch():
    functions = [function for name, function in NUMBERS.items() if name != "cap and gain"]
    assert operators_of(lambda x: sum(function(x) for function in functions), torch.randn(6, requires_grad=True)) == [[], []]


@pytest.mark.parametrize("save", ["auto", "x", "y"])
def test_the_plain_functions_become_operators_of_torch(save):
    functions = [case.call for case in PLAIN if case.name != "leaky_relu_negative"]
    x = torch.randn(6, requires_grad=True)
    assert operators_of(lambda x: sum(function(x, save=save) for function in functions), x) == [[], []]


def test_masks_and_tensors_of_parameters_keep_the_operators_of_rectify():
    x, other = torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    both = [["rectify.forward.default"], ["rectify._backward.default"]]
    assert operators_of(lambda x: F.leaky_relu(x, 0.2, save="mask"), x) == both
    with_scale, with_residual = (lambda x, b: F.rectify(x, scale=b)), (lambda x, b: F.rectify(x, residual=x * b))
    for call in (F.prelu, F.fused_leaky_relu, with_scale, with_residual):
        assert operators_of(call, x, other) == both


@pytest.mark.parametrize("numbers", [{"alpha": math.inf}, {"threshold": 2, "max_value": 1}, {"gain": 0}, {"alpha": 1e300}])
def test_invalid_numbers_have_the_errors_of_eager_rectify(numbers):
    messages = []

    def function(x):
        return F.rectify(x, **numbers)

    for call in (function, torch.compile(function, backend="aot_eager")):
        with pytest.raises(rectify.InvalidArgument) as caught:
            call(torch.ones(3))
        messages.append(str(caught.value))
    assert messages[1].startswith(messages[0])  # older versions of torch tell more


@pytest.mark.parametrize("alpha", [1e-42, 3e-46])
def test_numbers_that_float32_rounds(alpha):
    """3e-46 is 0 in float32: it selects 0, as in eager mode, where a product would be NaN."""
    assert_same_bits(torch.tensor(SPECIAL), "aot_eager", {"alpha": lambda x: F.leaky_relu(x, alpha)})


@pytest.mark.parametrize("layout", ["rows", "channels_last", "transposed", "every other", "columns", "scalar", "empty"])
def test_results_have_the_strides_of_eager_rectify(layout):
    def function(x):
        return F.rectify(x, alpha=0.1, max_value=2.0)

    x, results = layouts(torch.float32)[layout], []
    backend = "inductor" if layout == "channels_last" else "aot_eager"
    for call in (function, torch.compile(function, fullgraph=True, backend=backend)):
        leaf = x.detach().requires_grad_()
        y = call(leaf)
        results.append((y, *torch.autograd.grad(y, leaf, torch.ones_like(y))))
    for eager, compiled in zip(*results):
        assert torch.equal(eager, compiled) and eager.stride() == compiled.stride()


def test_dynamic_shapes_and_numbers():
    graphs = []
    compiled = torch.compile(F.leaky_relu, fullgraph=True, dynamic=True, backend=recorder(graphs))
    for rows, slope in ((2, 0.1), (5, 0.1), (7, 0.3), (9, 0.0)):
        x = torch.randn(rows, 3, requires_grad=True)
        y, expected = compiled(x, slope), F.leaky_relu(x, slope)
        assert torch.equal(y, expected)
        assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.autograd.grad(expected.sum(), x)[0])
    assert graphs and not any(name.startswith("rectify") for names in graphs for name in names)


@pytest.mark.parametrize("slope", [0.0, 0.2, -0.2])
def test_in_place(slope):
    def function(t):
        h = t * 2
        F.leaky_relu(h, slope, inplace=True)
        return h + 1

    x = torch.randn(64, requires_grad=True)
    assert operators_of(function, x) == [[], []]
    y, expected = torch.compile(function, fullgraph=True, backend="aot_eager")(x), F.leaky_relu(x * 2, slope) + 1
    assert torch.equal(y, expected)
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.autograd.grad(expected.sum(), x)[0])


def kept(function, *tensors):
    found = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: (found.append(tensor), tensor)[1], lambda tensor: tensor):
        y = function(*tensors)
    return y, found


def test_what_is_kept_is_the_output_that_the_next_layer_keeps():
    """torch's own LeakyReLU keeps a bool per element beside it."""
    weight = torch.randn(8, 8, requires_grad=True)
    for activation, count in ((F.leaky_relu, 0), (torch.nn.functional.leaky_relu, 1)):
        function = torch.compile(lambda x, w, f=activation: f(x @ w, 0.1) @ w, backend="aot_eager_decomp_partition")
        _, tensors = kept(function, torch.randn(16, 8, requires_grad=True), weight)
        assert sum(tensor.dtype == torch.bool for tensor in tensors) == count


@pytest.mark.parametrize("backend", ["aot_eager", recorder([]), "inductor"], ids=["min-cut", "default partition", "inductor"])
def test_a_change_of_the_result_in_place_is_noticed_or_does_not_matter(backend):
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = torch.compile(lambda t: F.leaky_relu(t * 2, 0.25), backend=backend)(x)
    with torch.no_grad():
        y.add_(10)
    try:
        (dx,) = torch.autograd.grad(y.sum(), x)
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
    else:
        assert dx.tolist() == [0.5, 2.0]


def test_export_keeps_the_operator_until_it_is_compiled_or_decomposed():
    program = torch.export.export(rectify.torch.LeakyReLU(0.2), (torch.randn(4),))
    assert "rectify.forward" in str(program.graph)
    if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 11):  # 2.6 decomposes in another way, which leaves the operator
        assert "rectify" not in str(program.run_decompositions().graph)
    graphs = []
    x = torch.randn(4, requires_grad=True)
    compiled = torch.compile(program.module(), backend=recorder(graphs))
    assert torch.equal(compiled(x), F.leaky_relu(x, 0.2))
    assert not any(name.startswith("rectify") for names in graphs for name in names)


def test_a_slope_that_is_an_input_of_the_graph():
    """With dynamic=True a number is traced too, here one for which "auto" and "y" differ."""
    compiled = torch.compile(F.leaky_relu, backend="aot_eager", dynamic=True, fullgraph=True)
    x = torch.randn(5, requires_grad=True)
    for slope in (-0.1, -0.2, 0.3):
        assert torch.equal(compiled(x, slope), F.leaky_relu(x, slope))
