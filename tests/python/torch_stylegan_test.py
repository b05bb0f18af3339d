"""FusedLeakyReLU and fused_leaky_relu instead of those of public StyleGAN2 code, beside torch's functions:

leaky_relu(x + bias, negative_slope) * scale
"""

import copy
import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch_cases import device  # noqa: E402

from rectify.torch import FusedLeakyReLU, fused_leaky_relu  # noqa: E402

SHAPES = [(6, 5), (2, 5, 4, 3)]  # after a linear layer, and after a convolution
SAVES = ["auto", "x", "y", "mask"]
F64, F32, F16, BF16 = torch.float64, torch.float32, torch.float16, torch.bfloat16


def composed(x, bias=None, negative_slope=0.2, scale=2**0.5):
    if bias is not None:
        x = x + bias.view(1, -1, *[1] * (x.dim() - 2))
    return nn.functional.leaky_relu(x, negative_slope) * scale


class Composed(nn.Module):
    def __init__(self, channel, bias=True, negative_slope=0.2, scale=2**0.5):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channel)) if bias else None
        self.negative_slope, self.scale = negative_slope, scale

    def forward(self, x):
        return composed(x, self.bias, self.negative_slope, self.scale)


def operands(shape, dtype=F64, device="cpu"):
    generator = torch.Generator().manual_seed(1)
    x, bias, dy = (torch.randn(size, generator=generator, dtype=F64) for size in (shape, shape[1], shape))
    return x.to(device, dtype).requires_grad_(), bias.to(device, dtype).requires_grad_(), dy.to(device, dtype)


def assert_within(got, expected, roundings):
    """Equal but for so many roundings of the largest element: 1e-14 is 45 of them in f64."""
    assert got.dtype == expected.dtype and got.shape == expected.shape
    assert (got - expected).abs().max() <= roundings * torch.finfo(expected.dtype).eps * expected.detach().abs().max()


def test_arguments_by_position_and_by_keyword():
    first = FusedLeakyReLU(5, True, 0.1, 1.5)
    second = FusedLeakyReLU(channel=5, bias=True, negative_slope=0.1, scale=1.5)
    for layer in (first, second):
        assert (layer.bias.shape, layer.negative_slope, layer.scale) == ((5,), 0.1, 1.5)
        assert isinstance(layer.bias, nn.Parameter) and not layer.bias.any()
    x, bias, _ = operands((2, 5))
    assert all(torch.equal(layer.double()(x), composed(x, None, 0.1, 1.5)) for layer in (first, second))
    expected = composed(x, bias, 0.1, 1.5)
    assert torch.equal(fused_leaky_relu(x, bias, 0.1, 1.5), expected)
    assert torch.equal(fused_leaky_relu(input=x, bias=bias, negative_slope=0.1, scale=1.5), expected)


def test_defaults():
    layer, (x, _, _) = FusedLeakyReLU(5), operands((2, 5))
    assert (layer.bias.shape, layer.negative_slope, layer.scale) == ((5,), 0.2, 2**0.5)
    assert torch.equal(layer(x.float()), composed(x.float())) and torch.equal(fused_leaky_relu(x), composed(x))


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_bias(shape):
    x, _, dy = operands(shape)
    layer = FusedLeakyReLU(shape[1], bias=False)
    assert layer.bias is None and not list(layer.parameters()) and not layer.state_dict()
    for y in (layer(x), fused_leaky_relu(x, None), fused_leaky_relu(x, bias=None)):
        assert torch.equal(y, composed(x))
        assert torch.equal(*(torch.autograd.grad(z, x, dy)[0] for z in (y, composed(x))))


def test_a_checkpoint_of_the_composed_form_loads():
    torch.manual_seed(0)
    source = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=False), Composed(5), nn.Conv2d(5, 4, 3, bias=False), Composed(4, bias=False)
    )
    nn.init.normal_(source[1].bias)
    checkpoint = source.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in checkpoint.items() if "bias" in name} == {"1.bias": (5,)}
    model = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=False), FusedLeakyReLU(5), nn.Conv2d(5, 4, 3, bias=False), FusedLeakyReLU(4, bias=False)
    )
    assert {n: t.shape for n, t in model.state_dict().items()} == {n: t.shape for n, t in checkpoint.items()}
    model.load_state_dict(checkpoint, strict=True)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(model(x), source(x))


def test_the_layer_alone_loads_its_bias():
    layer, bias = FusedLeakyReLU(3), torch.tensor([1.0, -2.0, 3.0])
    assert list(layer.state_dict()) == ["bias"]
    layer.load_state_dict({"bias": bias})
    assert torch.equal(layer.bias, bias)
    with pytest.raises(RuntimeError, match="size mismatch for bias"):
        layer.load_state_dict({"bias": torch.zeros(4)})


@device
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("dtype", [F64, F32])
@pytest.mark.parametrize("slope", [0.2, 0.01, 0.0, 1.0])
def test_results_and_first_gradients(device, shape, save, dtype, slope):
    x, bias, dy = operands(shape, dtype, device)
    y, expected = fused_leaky_relu(x, bias, slope, save=save), composed(x, bias, slope)
    assert_within(y, expected, 2)
    got, wanted = (torch.autograd.grad(z, (x, bias), dy) for z in (y, expected))
    assert_within(got[0], wanted[0], 2)
    assert_within(got[1], wanted[1], 8)  # two orders of a sum


@pytest.mark.parametrize("dtype", [F64, F32])
@pytest.mark.parametrize("save", SAVES)
def test_on_a_cpu_the_bits_are_those_of_the_composed_form(dtype, save):
    x, bias, dy = operands((3, 7, 5, 4), dtype)
    y, expected = fused_leaky_relu(x, bias, save=save), composed(x, bias)
    assert torch.equal(y, expected)
    assert torch.equal(torch.autograd.grad(y, x, dy)[0], torch.autograd.grad(expected, x, dy)[0])


@pytest.mark.parametrize(("slope", "scale"), [(-0.1, 2**0.5), (0.2, -1.5), (-0.1, -1.5)])
def test_signs_that_y_does_not_show(slope, scale):
    """save="auto" takes a mask then."""
    x, bias, dy = operands((2, 5, 4, 3))
    y, expected = fused_leaky_relu(x, bias, slope, scale), composed(x, bias, slope, scale)
    assert torch.equal(y, expected)
    for got, wanted in zip(*(torch.autograd.grad(z, (x, bias), dy) for z in (y, expected))):
        assert_within(got, wanted, 8)


@device
@pytest.mark.parametrize("dtype", [F16, BF16])
@pytest.mark.parametrize("save", SAVES)
def test_16_bits_are_rounded_once(device, dtype, save):
    """The composed form in f32, rounded at its end: what autocast makes of 16-bit x and an f32 bias."""
    x, bias, dy = operands((2, 5, 4, 3), dtype, device)
    bias = bias.detach().float().requires_grad_()
    layer = FusedLeakyReLU(5, save=save).to(device)
    layer.bias = nn.Parameter(bias.detach())
    with torch.autocast(device, dtype):
        y, expected = layer(x), composed(x, bias).to(dtype)
    assert y.dtype == dtype and torch.equal(y, expected)
    got, wanted = torch.autograd.grad(y, (x, layer.bias), dy), torch.autograd.grad(expected, (x, bias), dy)
    assert torch.equal(got[0], wanted[0])
    assert_within(got[1], wanted[1], 8)


def kept_bytes(call, *without):
    """The bytes of distinct storages that autograd keeps in a call, without those of the tensors named."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = call()
    for tensor in without:
        kept.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in kept.values()), kept, y


@device
@pytest.mark.parametrize("dtype", [F16, F32, F64])
def test_bytes_kept_by_each_source(device, dtype):
    x, bias, _ = operands((3, 5, 7, 3), dtype, device)
    whole, one_bit_each = x.numel() * x.element_size(), math.ceil(x.numel() / 8)
    for save, expected in (("auto", whole), ("y", whole), ("mask", one_bit_each), ("x", whole)):
        layer = FusedLeakyReLU(5, save=save).to(device, dtype)
        count, kept, y = kept_bytes(lambda layer=layer: layer(x), layer.bias)
        assert count == expected, save
        assert (x.untyped_storage().data_ptr() in kept) == (save == "x")
        assert (y.untyped_storage().data_ptr() in kept) == (save in ("auto", "y"))


def test_a_mask_keeps_less_before_a_sum_and_y_before_a_convolution():
    x = torch.randn(2, 4, 16, 16, requires_grad=True)
    layers = {save: FusedLeakyReLU(4, save=save) for save in ("y", "mask")}
    convolution = nn.Conv2d(4, 4, 3)
    before_sum = {save: kept_bytes(lambda a=act: x + a(x), act.bias)[0] for save, act in layers.items()}
    before_convolution = {
        save: kept_bytes(lambda a=act: convolution(a(x)), act.bias)[0] for save, act in layers.items()
    }
    assert before_sum["mask"] * 32 == before_sum["y"]
    assert before_convolution["y"] < before_convolution["mask"] < before_convolution["y"] + x.numel() * 4 / 31


@device
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("save", SAVES)
def test_gradients_and_second_gradients_are_those_of_differences(device, shape, save):
    x, bias, _ = operands(shape, F64, device)
    for inputs in ((x, bias), (x,)):
        assert gradcheck(lambda *t: fused_leaky_relu(*t, save=save), inputs)
        assert gradgradcheck(lambda *t: fused_leaky_relu(*t, save=save), inputs)


class EqualLinear(nn.Module):
    """As in StyleGAN2's mapping network: fused_leaky_relu() is given a bias that is computed."""

    def __init__(self, inputs, outputs, activation):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(outputs, inputs) * 100), nn.Parameter(torch.randn(outputs))
        self.activation, self.rate = activation, 0.01

    def forward(self, x):
        y = nn.functional.linear(x, self.weight * (self.rate / math.sqrt(self.weight.shape[1])))
        return self.activation(y, self.bias * self.rate)


def discriminator(layer, function):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False), layer(6), nn.Conv2d(6, 4, 3, stride=2, bias=False), layer(4),
        nn.Flatten(), EqualLinear(36, 8, function), nn.Linear(8, 1),
    )  # fmt: skip


def generator(layer, function):
    return nn.Sequential(
        EqualLinear(8, 8, function), nn.Linear(8, 64), layer(64), nn.Unflatten(1, (4, 4, 4)),
        nn.Upsample(scale_factor=2), nn.Conv2d(4, 6, 3, padding=1, bias=False), layer(6), nn.Conv2d(6, 3, 3, padding=1),
    )  # fmt: skip


def pair(build, dtype, device, save):
    """The network with rectify's layers and the same with composed ones."""
    torch.manual_seed(2)
    expected = build(Composed, composed).to(device, dtype)
    for name, parameter in expected.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
    got = build(lambda channel: FusedLeakyReLU(channel, save=save), lambda *t: fused_leaky_relu(*t, save=save)).to(
        device, dtype
    )
    got.load_state_dict(copy.deepcopy(expected.state_dict()))
    return got, expected


def r1_step(model, images):
    """The loss of real images and the R1 penalty, and a step of descent."""
    images = images.clone().requires_grad_()
    prediction = model(images)
    loss = nn.functional.softplus(-prediction).mean()
    (gradient,) = torch.autograd.grad(prediction.sum(), images, create_graph=True)
    return descend(model, loss + 5 * gradient.square().flatten(1).sum(1).mean())


def path_length_step(model, latents):
    latents = latents.clone().requires_grad_()
    images = model(latents)
    noise = torch.linspace(-1, 1, images.numel(), device=images.device, dtype=images.dtype).view_as(images)
    (gradient,) = torch.autograd.grad((images * noise).sum(), latents, create_graph=True)
    lengths = gradient.square().sum(1).sqrt()
    return descend(model, (lengths - 0.5 * lengths.mean().detach()).square().mean() + images.square().mean())


def descend(model, loss):
    """The loss, the gradients and the parameters after a step, in one list."""
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    torch.optim.SGD(model.parameters(), 0.1).step()
    return [loss.detach(), *gradients, *(parameter.detach() for parameter in model.parameters())]


STEPS = {"r1": (discriminator, r1_step, (4, 3, 8, 8)), "path_length": (generator, path_length_step, (4, 8))}


@device
@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("dtype", [F64, F32])
def test_a_step_with_a_penalty(device, step, save, dtype):
    build, run, shape = STEPS[step]
    inputs = torch.randn(shape, dtype=F64, generator=torch.Generator().manual_seed(3)).to(device, dtype)
    got, expected = pair(build, dtype, device, save)
    for one, other in zip(run(got, inputs), run(expected, inputs)):
        assert_within(one, other, 45)


@device
@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("dtype", [F16, BF16])
def test_an_r1_step_under_autocast(device, save, dtype):
    build, run, shape = STEPS["r1"]
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(3)).to(device)
    got, expected = pair(build, F32, device, save)
    with torch.autocast(device, dtype):
        results = run(got, inputs), run(expected, inputs)
    for one, other in zip(*results):
        assert one.dtype == F32
        assert_within(one.to(dtype), other.to(dtype), 4)
