"""docs/pytorch.md: its code runs as it is printed, from the top down; its error texts are those of the calls."""

import contextlib
import io
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402

import rectify  # noqa: E402
import rectify.torch.functional as F  # noqa: E402
from rectify import _rectify  # noqa: E402
from rectify.torch import replace_activations  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pytorch.md"
if not PAGE.exists():
    pytest.skip("the page is not beside the tests", allow_module_level=True)
TEXT = PAGE.read_text()
X = torch.randn(2, 3, 4)


def trained():
    return X.clone().requires_grad_()


def changed_output():
    y = F.leaky_relu(trained(), 0.1)
    y += 1
    y.sum().backward()


def cuda_tensor():
    return (1, "float32", True, 0, (3,), None, True)


ERRORS = {
    "one of the variables": changed_output,
    "x: expected dtype": lambda: F.relu(torch.arange(3)),
    "bias: expected dtype": lambda: F.fused_leaky_relu(X, torch.zeros(3).half()),
    "bias: expected 1 element": lambda: F.fused_leaky_relu(X, torch.zeros(4)),
    "inplace": lambda: F.relu(trained(), inplace=True),
    'save: expected "auto", "mask"': lambda: F.leaky_relu(trained(), -0.1, save="y"),
    'save: expected "auto" or "x"': lambda: F.prelu(X, torch.ones(3, requires_grad=True), save="mask"),
    "out": lambda: F.rectify(trained(), out=torch.empty_like(X)),
    "value": lambda: F.threshold(X, 0.1, 5),
    "model": lambda: replace_activations(torch.compile(nn.Sequential(nn.ReLU()))),
    "x: expected an array on the CPU": lambda: _rectify.relu(
        cuda_tensor(), cuda_tensor(), 0.0, 0.0, float("inf"), None
    ),
}
OTHER_GPU = "...; the device has compute capability"  # needs a GPU that the build does not cover


def quoted():
    return re.findall(r"^\| `(.*?)` \| ", TEXT.partition("## What goes wrong")[2], re.MULTILINE)


def test_the_code_runs_as_it_is_printed():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 4
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        exec("".join(blocks), names)
    assert [printed.getvalue().strip()] == re.findall(r"print\(.*\)  # (.*)", "".join(blocks))
    x, y, bias = torch.randn(2, 8, 3, 3), names["residual"][:, :, :3, :3], torch.randn(8)
    expected = nn.functional.leaky_relu(x + bias[:, None, None] + y, 0.2) * 2**0.5
    assert torch.equal(F.rectify(x, alpha=0.2, bias=bias, residual=y, gain=2**0.5), expected)  # what a comment says


def test_every_text_is_tried():
    for text in quoted():
        assert sum(text.startswith(begin) for begin in (*ERRORS, OTHER_GPU)) == 1, text
    assert len(quoted()) == len(ERRORS) + 1


@pytest.mark.parametrize("begin", list(ERRORS))
def test_the_text_is_that_of_the_call(begin):
    if (
        "built without CUDA" in next(text for text in quoted() if text.startswith(begin))
        and rectify.build_info()["cuda"]
    ):
        pytest.skip("this build has CUDA")
    with pytest.raises((rectify.Error, RuntimeError)) as caught:
        ERRORS[begin]()
    text = str(caught.value)
    assert any(text.startswith(line) if begin == "one of the variables" else text == line for line in quoted()), text


KEEP = {  # what the page says of the next layer
    "convolution": (nn.Conv2d(4, 4, 3), True),
    "linear layer": (nn.Linear(8, 3), True),
    "norm": (nn.BatchNorm2d(4), True),
    "max pooling": (nn.MaxPool2d(2), True),
    "average pooling": (nn.AvgPool2d(2), True),
    "sum": (lambda y: y + 1, False),
    "concatenation": (lambda y: torch.cat([y, y]), False),
    "interpolation": (nn.Upsample(scale_factor=2), False),
    "zero padding": (nn.ZeroPad2d(1), False),
    "global mean": (nn.AdaptiveAvgPool2d(1), False),
    "dropout": (nn.Dropout(), False),
}


@pytest.mark.parametrize("layer", list(KEEP))
def test_the_layers_that_keep_y_are_those_that_the_page_names(layer):
    following, keeps = KEEP[layer]
    kept = set()

    def pack(tensor):
        kept.add(tensor.untyped_storage().data_ptr())
        return tensor

    y = F.leaky_relu(torch.randn(2, 4, 8, 8, requires_grad=True), save="mask")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        following(y)
    assert (y.untyped_storage().data_ptr() in kept) == keeps
