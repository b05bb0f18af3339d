"""Gradients of rectify.torch: first and second order against differences, against torch's own, and under torch.func."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.autograd import forward_ad, gradcheck, gradgradcheck  # noqa: E402
from torch_cases import ALL, cases, device  # noqa: E402

import rectify.torch.functional as F  # noqa: E402

@device
@cases()
def test_gradients_are_those_of_differences(case, device):
    assert gradcheck(case.call, case.tensors(device=device), check_forward_ad=True, check_batched_grad=True)


@device
@cases()
def test_second_gradients_are_those_of_differences(case, device):
    assert gradgradcheck(case.call, case.tensors(device=device), check_fwd_over_rev=True, check_rev_over_rev=True)


def sources(case):
    """What backward can read in a case."""
    yield "x"
    if not {"alpha", "alpha1", "scale"} & set(case.parameters):
        yield "mask"
    if case.name in ("relu", "relu6", "leaky_relu", "threshold", "hardtanh", "fused_leaky_relu", "bias_leaky", "clipped_leaky"):
        yield "y"


@pytest.mark.parametrize(
    ("case", "save"), [(case, save) for case in ALL for save in sources(case)], ids=lambda v: getattr(v, "name", v)
)
def test_every_source_gives_the_same_gradients(case, save):
    results = []
    for source in (save, "x"):
        tensors = case.tensors()
        results.append(torch.autograd.grad(case.call(*tensors, save=source).square().sum(), tensors))
    for got, expected in zip(*results):
        assert torch.equal(got, expected)
    assert gradgradcheck(lambda *t: case.call(*t, save=save), case.tensors())


@cases()
def test_third_order_agrees_with_the_composed_form(case):
    def third(function, tensors):
        first = torch.autograd.grad(function(*tensors).square().sum(), tensors, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), tensors, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in second), tensors, allow_unused=True, materialize_grads=True)

    for got, expected in zip(third(case.call, case.tensors()), third(case.composed, case.tensors())):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@cases()
def test_torch_func_agrees_with_the_composed_form(case):
    tensors = case.tensors(shape=(2, 3), requires_grad=False)
    everything = tuple(range(len(tensors)))

    def loss(function):
        return lambda *t: function(*t).square().sum()

    def all_of(function):
        gradients = torch.func.grad(loss(function), argnums=everything)(*tensors)
        hessian = torch.func.hessian(loss(function), argnums=everything)(*tensors)
        reverse = torch.func.jacrev(torch.func.jacrev(loss(function), argnums=everything), argnums=everything)(*tensors)
        tangent = torch.func.jvp(function, tuple(tensors), tuple(torch.ones_like(t) for t in tensors))
        return gradients, hessian, reverse, tangent

    torch.testing.assert_close(all_of(case.call), all_of(case.composed), rtol=1e-9, atol=1e-9)


@cases()
def test_vmap_agrees_with_a_loop(case):
    tensors = case.tensors(requires_grad=False)
    batch = [torch.stack([t, t * 0.9, t * 0.8]) for t in tensors]

    def gradients(*t):
        return torch.func.grad(lambda *u: case.call(*u).square().sum(), argnums=tuple(range(len(t))))(*t)

    for function in (lambda *t: (case.call(*t),), gradients):
        for in_dims in ([0] * len(batch), [0] + [None] * (len(batch) - 1)):
            mixed = [b if d == 0 else t for b, t, d in zip(batch, tensors, in_dims)]
            got = torch.vmap(function, in_dims=tuple(in_dims))(*mixed)
            loop = [function(*(t[i] if d == 0 else t for t, d in zip(mixed, in_dims))) for i in range(3)]
            for one, expected in zip(got, zip(*loop)):
                torch.testing.assert_close(one, torch.stack(expected), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("error:There is a performance drop")
def test_vmap_has_rules_of_its_own():
    x = torch.randn(4, 2, 3)
    assert torch.equal(torch.vmap(lambda t: F.leaky_relu(t, 0.2))(x), F.leaky_relu(x, 0.2))
    assert torch.equal(torch.vmap(lambda t: F.prelu(t, torch.tensor([0.1, 0.2, 0.3])))(x),
                       F.prelu(x.reshape(8, 3), torch.tensor([0.1, 0.2, 0.3])).reshape(4, 2, 3))  # fmt: skip


def test_forward_mode_without_torch_func():
    x = torch.tensor([-1.0, 2.0])
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.tensor([10.0, 20.0]))
        y, tangent = forward_ad.unpack_dual(F.leaky_relu(dual, 0.5))
    assert y.tolist() == [-0.5, 2.0] and tangent.tolist() == [5.0, 20.0]


@cases(ALL)
def test_a_gradient_that_nobody_needs_is_not_computed(case):
    for wanted in range(len(case.parameters) + 1):
        tensors = case.tensors(requires_grad=False)
        tensors[wanted].requires_grad_()
        full = case.tensors()
        expected = torch.autograd.grad(case.call(*full).square().sum(), full)[wanted]
        (got,) = torch.autograd.grad(case.call(*tensors).square().sum(), tensors[wanted])
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_parameters_may_be_float32_beside_16_bits(dtype):
    x = torch.randn(4, 3, 5).to(dtype).requires_grad_()
    weight = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
    y = F.prelu(x, weight)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype and weight.grad.dtype == torch.float32
    below = torch.where(x > 0, 0.0, x.detach().float()).sum((0, 2))
    torch.testing.assert_close(weight.grad, below)


def test_selected_not_multiplied():
    x = torch.tensor([-1.0, 1.0], requires_grad=True)
    F.relu(x).backward(torch.tensor([float("inf"), 1.0]))
    assert x.grad.tolist() == [0.0, 1.0]


def test_expanded_gradients():
    x = torch.randn(2, 3, 4, requires_grad=True)
    for save in ("x", "y", "mask"):
        (dx,) = torch.autograd.grad(F.leaky_relu(x, 0.2, save=save).sum(), x)  # dy is one number, expanded
        assert torch.equal(dx, torch.where(x > 0, 1.0, 0.2))
