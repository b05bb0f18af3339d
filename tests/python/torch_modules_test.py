"""The modules of rectify.torch beside torch.nn's, and replace_activations()."""

import copy
import pickle

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

import rectify  # noqa: E402
import rectify.torch as rt  # noqa: E402

PAIRS = [
    (nn.ReLU(), rt.ReLU()),
    (nn.ReLU6(), rt.ReLU6()),
    (nn.LeakyReLU(), rt.LeakyReLU()),
    (nn.LeakyReLU(0.3), rt.LeakyReLU(0.3)),
    (nn.Threshold(0.5, 0), rt.Threshold(0.5)),
    (nn.Hardtanh(0, 2.0), rt.Hardtanh(0, 2.0)),
    (nn.PReLU(), rt.PReLU()),
    (nn.PReLU(6, 0.1), rt.PReLU(6, 0.1)),
]
pairs = pytest.mark.parametrize(("theirs", "ours"), PAIRS, ids=[str(theirs) for theirs, _ in PAIRS])


def step(module, x):
    x = x.detach().clone().requires_grad_()
    y = module(x)
    parameters = list(module.parameters())
    return y, *torch.autograd.grad(y.square().sum(), [x, *parameters])


@pairs
def test_a_module_has_the_results_and_the_state_of_torchs(theirs, ours):
    x = torch.randn(4, 6, 5)
    for got, expected in zip(step(ours, x), step(theirs, x)):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert isinstance(ours, type(theirs)) and repr(ours) == repr(theirs)


@pytest.mark.parametrize(
    "module",
    [ours for _, ours in PAIRS] + [rt.FusedLeakyReLU(6), rt.BiasLeakyReLU(6, 0.1), rt.Rectify(0.1, max_value=2.0)],
    ids=str,
)
def test_modules_can_be_copied_and_pickled(module):
    x = torch.randn(4, 6, 5)
    module.save = "x"
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert other.save == "x" and torch.equal(other(x), module(x))
    module.save = "auto"


def test_save_is_checked_when_a_module_is_made():
    for make in (rt.ReLU, rt.ReLU6, rt.LeakyReLU, rt.PReLU, rt.Rectify):
        with pytest.raises(rectify.InvalidArgument, match='save: expected "auto", "x", "y" or "mask", got .z.'):
            make(save="z")
    for make in (rt.FusedLeakyReLU, rt.BiasLeakyReLU):
        with pytest.raises(rectify.InvalidArgument, match="save"):
            make(6, save="z")


def test_bias_leaky_relu_is_what_a_layer_with_a_bias_computes():
    layer, fused = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 6, 3, bias=False)
    activation = rt.BiasLeakyReLU(6, 0.1)
    fused.weight.data.copy_(layer.weight.data)
    activation.bias.data.copy_(layer.bias.data)
    x = torch.randn(2, 3, 8, 8)
    expected = nn.functional.leaky_relu(layer(x), 0.1)
    got = activation(fused(x))
    torch.testing.assert_close(got, expected)
    expected.square().sum().backward()
    got.square().sum().backward()
    torch.testing.assert_close(activation.bias.grad, layer.bias.grad, rtol=1e-4, atol=1e-4)


def test_rectify_takes_a_residual():
    x, skip = torch.randn(3, 4), torch.randn(3, 4)
    z = x + skip
    expected = torch.where(z > 0, z, 0.1 * z) * 0.5
    torch.testing.assert_close(rt.Rectify(0.1, gain=0.5)(x, skip), expected)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        shared = nn.ReLU(inplace=True)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3), shared, nn.Conv2d(8, 8, 3), nn.LeakyReLU(0.1, inplace=True), nn.PReLU(8), nn.ReLU6()
        )
        self.again = shared
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 4 * 4, 10), nn.Hardtanh(0, 4), nn.Threshold(0.1, 0))

    def forward(self, x):
        return self.again(self.head(self.body(x)) + 0.1)


def train(model, steps=5):
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    losses = []
    for _ in range(steps):
        x, target = torch.randn(4, 3, 8, 8), torch.randn(4, 10)
        optimizer.zero_grad()
        loss = (model(x) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_model_trains_as_before():
    torch.manual_seed(0)
    theirs = Net()
    ours = copy.deepcopy(theirs)
    state = list(ours.state_dict())
    result = rt.replace_activations(ours)
    assert result.replaced == ["body.1", "body.3", "body.4", "body.5", "head.2", "head.3"] and result.left == {}
    assert str(result) == "6 replaced"
    assert ours.body[1] is ours.again and isinstance(ours.again, rt.ReLU) and ours.again.inplace
    assert list(ours.state_dict()) == state
    ours.load_state_dict(theirs.state_dict())
    for got, expected in zip(train(ours), train(theirs)):
        assert got == pytest.approx(expected, rel=1e-5)
    for p, q in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_replacing_keeps_parameters_hooks_and_the_mode():
    model = nn.Sequential(nn.PReLU(3), nn.ReLU())
    weight, seen = model[0].weight, []
    model[1].register_forward_hook(lambda *_: seen.append(1))
    model.eval()
    rt.replace_activations(model, save="mask")
    assert model[0].weight is weight and not model[1].training
    assert model[0].save == "auto" and model[1].save == "mask"  # a learned weight needs x
    model(torch.randn(2, 3))
    assert seen == [1]


def test_what_is_left_is_told():
    class Own(nn.LeakyReLU):
        pass

    model = nn.Sequential(nn.Threshold(0.1, 20), nn.Hardtanh(), Own(), nn.GELU(), rt.ReLU(), nn.ReLU())
    result = rt.replace_activations(model)
    assert result.replaced == ["5"] and list(result.left) == ["0", "1", "2"]
    assert "its value is 20" in result.left["0"] and "min_val" in result.left["1"] and "Own" in result.left["2"]
    assert "0: left, as its value is 20, not 0" in str(result)
    assert type(model[2]) is Own


def test_replacing_again_sets_what_is_kept():
    model = nn.Sequential(nn.ReLU(), nn.PReLU())
    rt.replace_activations(model)
    result = rt.replace_activations(model, save="mask")
    assert result.replaced == [] and result.already == ["0", "1"] and str(result) == "0 replaced, 2 were rectify's already"
    assert model[0].save == "mask" and model[1].save == "auto"
    assert repr(model[0]) == "ReLU(save='mask')" and repr(rt.LeakyReLU(0.1, save="x")) == "LeakyReLU(negative_slope=0.1, save='x')"
    assert str(rt.replace_activations(nn.Linear(1, 1))) == "0 replaced; functions that forward() calls are no modules"


def test_y_is_rejected_where_it_cannot_tell_the_region():
    for make in (lambda: rt.LeakyReLU(-0.1, save="y"), lambda: rt.Threshold(-0.5, save="y")):
        with pytest.raises(rectify.InvalidArgument, match='save: expected "auto", "mask" or "x", as .* is negative .*got "y"'):
            make()
    model = nn.Sequential(nn.LeakyReLU(-0.1), nn.LeakyReLU(0.1), nn.PReLU())
    result = rt.replace_activations(model, save="y")
    assert result.replaced == ["1", "2"] and "negative_slope is negative (-0.1)" in result.left["0"]


def test_a_model_that_is_an_activation():
    model = nn.LeakyReLU(0.1)
    assert rt.replace_activations(model).replaced == [""] and type(model) is rt.LeakyReLU


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_a_model_that_was_compiled_or_scripted_is_rejected():
    model = nn.Sequential(nn.ReLU())
    with pytest.raises(rectify.InvalidArgument, match="before torch.compile"):
        rt.replace_activations(torch.compile(model, backend="eager"))
    scripted = torch.jit.script(model)
    with pytest.raises(rectify.InvalidArgument, match="before torch.compile"):
        rt.replace_activations(scripted)
    with pytest.raises(rectify.InvalidType, match="model: expected a torch.nn.Module, got function"):
        rt.replace_activations(lambda x: x)
    with pytest.raises(rectify.InvalidArgument, match="save"):
        rt.replace_activations(model, save="all")
    assert type(model[0]) is nn.ReLU
