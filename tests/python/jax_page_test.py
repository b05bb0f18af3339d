"""docs/jax.md: its code runs as it is printed, from the top down; its error texts are those of the calls; what it says
of JAX and XLA is true for the version that is installed. And the code for JAX of docs/many-devices.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp  # noqa: E402

from jax_cases import CHECKED, shard_map  # noqa: E402

import rectify  # noqa: E402
import rectify.jax as R  # noqa: E402
from rectify import _rectify  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "jax.md"
if not PAGE.exists():
    pytest.skip("the page is not beside the tests", allow_module_level=True)
TEXT, MANY_DEVICES = PAGE.read_text(), PAGE.with_name("many-devices.md").read_text().partition("\n## JAX\n")[2]
X = jnp.linspace(-1, 1, 24).reshape(2, 3, 4)


def run_blocks(text=TEXT, count=4):
    """What the names of the page's code stand for, after it has run."""
    blocks, names = re.findall(r"```python\n(.*?)```", text, re.DOTALL), {}
    assert len(blocks) == count
    with pytest.MonkeyPatch.context() as patch:
        if not CHECKED:  # before 0.6.1: what the page says to do there
            patch.setattr(jax, "shard_map", shard_map, raising=False)
        exec("".join(blocks), names)
    return names


@pytest.fixture(scope="module")
def names():
    return run_blocks()


# --- The code ---------------------------------------------------------------------------------------------------------


def test_the_comments_of_the_code_are_true(names):
    x, bias, residual = jnp.linspace(-2, 2, 64).reshape(4, 16), jnp.linspace(-1, 1, 16), jnp.ones((4, 16))
    expected = jax.nn.leaky_relu(x + bias + residual, 0.2) * 2**0.5
    np.testing.assert_allclose(R.rectify(x, alpha=0.2, bias=bias, residual=residual, gain=2**0.5), expected, rtol=1e-6)
    row = names["row"]
    slopes = jnp.where(row > 0, 1, 0.2)
    np.testing.assert_allclose(names["hessian"], jnp.diag(6 * slopes**3 * row), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(names["per_row"], np.full((3, 8), 3.0), rtol=1e-6)
    np.testing.assert_allclose(names["kept_less"], 3 * slopes**3 * row**2, rtol=1e-5)
    np.testing.assert_array_equal(names["dslopes"], np.zeros(16))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.hessian(names["f"])(row)


def test_the_table_says_what_the_functions_are(names):
    p = jnp.linspace(0.1, 0.4, 4)
    for ours, theirs in (
        (R.relu(X), jax.nn.relu(X)),
        (R.relu6(9 * X), jax.nn.relu6(9 * X)),
        (R.leaky_relu(X, 0.3), jax.nn.leaky_relu(X, 0.3)),
        (R.prelu(X, p), jnp.where(X > 0, X, p * X)),
        (R.bias_leaky_relu(X, p, 0.3), jax.nn.leaky_relu(X + p, 0.3)),
        (R.fused_leaky_relu(X, p), jax.nn.leaky_relu(X + p, 0.2) * 2**0.5),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_number_is_a_constant_and_an_array_an_input():
    numbers = [jax.jit(lambda x, a=a: R.leaky_relu(x, a)).lower(X).as_text() for a in (0.25, 0.5)]
    array = jax.jit(R.leaky_relu).lower(X, 0.25).as_text()
    assert "alpha = 2.500000e-01" in numbers[0] and "alpha = 5.000000e-01" in numbers[1]
    assert "%arg1" not in numbers[0] and "%arg1" in array


ON_TWO_DEVICES = """
import jax, numpy as np
from jax.sharding import NamedSharding
from jax_cases import shard_map
from jax_page_test import jnp, run_blocks, R
names = run_blocks()
mesh, P = names["mesh"], names["P"]
assert mesh.size == 2
_, alone = jax.value_and_grad(names["loss_of"])(names["params"], names["x"], names["labels"])
for name, gradient in alone.items():
    np.testing.assert_allclose(names["gradients"][name], gradient, rtol=1e-4, atol=1e-6)
x = jax.device_put(jnp.ones((8, 4)), NamedSharding(mesh, P("batch")))
def compiled(function):
    return jax.jit(function).lower(x).compile().as_text()
f = lambda x: R.leaky_relu(x, 0.1)
gathers = compiled(f)
assert "all-gather" in gathers and "f32[8,4]{1,0} custom-call" in gathers
split = compiled(lambda x: shard_map(f, mesh=mesh, in_specs=P("batch"), out_specs=P("batch"))(x))
assert "all-gather" not in split and "f32[4,4]{1,0} custom-call" in split
print("all is true")
"""


def test_two_devices():
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", ON_TWO_DEVICES]
    folder = Path(__file__).parent
    finished = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    assert finished.stdout == "all is true\n", finished.stderr


def test_the_code_for_many_devices():
    """Its data are made again here, as the page passes them to the step without names."""
    names = run_blocks(MANY_DEVICES, 1)
    data = {"w": jnp.ones((8, 4)), "bias": jnp.zeros(4)}, jnp.ones((16, 8)), jnp.ones((16, 4))
    loss, gradients = jax.value_and_grad(names["loss_of"])(*data)
    np.testing.assert_allclose(names["loss"], loss, rtol=1e-6)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(names["gradients"][name], gradient, rtol=1e-6)


# --- What is said of memory, sums and transforms ----------------------------------------------------------------------


def kept(function):
    """The bytes that are kept between forward and backward, beside what the next layer, a product, keeps anyway."""

    def followed(x, w):
        return function(x * 2) @ w

    x, w = jnp.linspace(-1, 1, 1024).reshape(32, 32), jnp.ones((32, 32))
    leaves = [leaf for leaf in jax.tree.leaves(jax.vjp(followed, x, w)[1]) if isinstance(leaf, jax.Array) and leaf.ndim]
    sizes = {leaf.unsafe_buffer_pointer(): leaf.nbytes for leaf in leaves}
    return sum(sizes.values()) - 2 * x.nbytes  # w, and y of the activation


def test_what_is_kept():
    assert kept(lambda x: jax.nn.leaky_relu(x, 0.2)) == 1024
    assert kept(lambda x: R.leaky_relu(x, 0.2)) == kept(lambda x: R.leaky_relu(x, 0.2, save="y")) == 0
    assert kept(lambda x: R.leaky_relu(x, 0.2, save="mask")) == 1024 // 8
    assert kept(lambda x: R.rectify(x, alpha=0.2, max_value=6, save="mask")) == 1024 // 4
    assert kept(lambda x: R.leaky_relu(x, 0.2, save="x")) == 4 * 1024


def test_a_donated_operand_is_not_written_to():
    def beside(function):
        compiled = jax.jit(function, donate_argnums=0).lower(jnp.ones((256, 256))).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert beside(lambda x: R.leaky_relu(x, 0.1)) >= 256 * 256 * 4 > beside(lambda x: jax.nn.leaky_relu(x, 0.1))


def test_xla_sums_the_gradient_of_a_bias_of_16_bits_in_16_bits():
    x, bias, dy = jnp.ones((4096, 8), jnp.bfloat16), jnp.zeros(8, jnp.bfloat16), jnp.ones((4096, 8), jnp.bfloat16)

    def of_bias(function):
        return jax.jit(lambda bias: jax.vjp(function, bias)[1](dy)[0])

    theirs = of_bias(lambda bias: jax.nn.leaky_relu(x + bias, 0.1)).lower(bias).as_text()
    assert re.search(r"stablehlo.reduce\(.* stablehlo.add across dimensions = \[0\] : \(tensor<4096x8xbf16>", theirs)
    ours = of_bias(lambda bias: R.bias_leaky_relu(x, bias, 0.1))
    assert "tensor<8xf32>" in ours.lower(bias).as_text() and (ours(bias) == 4096).all()


def test_export():
    export = pytest.importorskip("jax.export", reason="a package that it needs is not installed", exc_type=ImportError)
    f = jax.jit(jax.value_and_grad(lambda x: R.leaky_relu(x, 0.1).sum()))
    with pytest.raises(ValueError, match=re.escape(ERROR_OF_EXPORT)):
        export.export(f)(X)
    disabled = [export.DisabledSafetyCheck.custom_call(name) for name in ("rectify_forward", "rectify_backward")]
    assert all(f'"{check.is_custom_call()}"' in TEXT for check in disabled)
    value, gradient = export.export(f, disabled_checks=disabled)(X).call(X)
    assert value == f(X)[0] and (gradient == f(X)[1]).all()


# --- What goes wrong --------------------------------------------------------------------------------------------------


def sharded_by_its_type():
    if not hasattr(jax.sharding, "AxisType"):
        pytest.skip("this JAX has no shardings in types")
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Explicit,))
    return jax.device_put(jnp.ones((4, 2)), jax.NamedSharding(mesh, jax.sharding.PartitionSpec("batch")))


def deleted():
    x = jnp.ones(3)
    x.delete()
    return x


ERROR_OF_EXPORT = "Cannot serialize code with custom calls whose targets have no compatibility guarantees."
CUDA = (1, "float32", True, 0, (3,), None, True)
ERRORS = {
    "x: expected dtype": lambda: R.relu(jnp.arange(3)),
    "x: expected float64": lambda: R.relu(np.zeros(3)),
    "bias: expected 1 element": lambda: R.bias_leaky_relu(X, jnp.zeros(3)),
    "bias: expected dtype": lambda: R.bias_leaky_relu(X, jnp.zeros(4, "float16")),
    "residual": lambda: R.rectify(X, residual=jnp.zeros((2, 3, 1))),
    "gain": lambda: jax.jit(lambda gain: R.rectify(X, gain=gain))(2.0),
    'save: expected "auto", "mask"': lambda: jax.grad(lambda x: R.leaky_relu(x, -0.1, save="y").sum())(X),
    'save: expected "auto" or "x"': lambda: jax.grad(lambda a: R.prelu(X, a, save="mask").sum())(jnp.ones(4)),
    "x: expected an array with values": lambda: R.relu(deleted()),
    "x: expected one device's part": lambda: R.relu(sharded_by_its_type()),
    "can't": lambda: jax.jvp(R.relu, (X,), (X,)),
    "UNIMPLEMENTED": lambda: _rectify.relu(CUDA, CUDA, 0.0, 0.0, float("inf"), None),  # the text, without a GPU
}


def quoted():
    return re.findall(r"^\| `(.*?)` \| ", TEXT.partition("## What goes wrong")[2], re.MULTILINE)


def test_every_text_is_tried():
    assert ERROR_OF_EXPORT in quoted()  # test_export
    for text in quoted():
        assert text == ERROR_OF_EXPORT or sum(text.startswith(begin) for begin in ERRORS) == 1, text
    assert len(quoted()) == len(ERRORS) + 1


@pytest.mark.parametrize("begin", list(ERRORS))
def test_the_text_is_that_of_the_call(begin):
    at_run_time = begin == "UNIMPLEMENTED"
    if at_run_time and rectify.build_info()["cuda"]:
        pytest.skip("this build has CUDA")
    with pytest.raises((rectify.Error, TypeError)) as caught:
        ERRORS[begin]()
    assert (f"{begin}: " if at_run_time else "") + str(caught.value) in quoted()


@pytest.mark.parametrize("transform", [jax.jacfwd, jax.hessian, lambda f: lambda x: jax.linearize(f, x)[1](x)])
def test_what_forward_mode_raises(transform):
    with pytest.raises(TypeError, match=re.escape(next(text for text in quoted() if text.startswith("can't")))):
        transform(lambda x: R.leaky_relu(x, 0.1).sum())(X)
