"""rectify.jax forward: the functions by name, their bits, dtypes and shapes; eager and compiled."""

import numpy as np
import pytest
import rectify

from jax_cases import R, cases, enable_x64, jax, jnp
from naive import assert_same, eighths

HALVES = np.arange(2**16, dtype=np.uint16)


def as_numpy(array):
    return np.asarray(array)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@cases()
def test_every_half_has_the_bits_of_the_library(case, dtype):
    """x is all halves; the parameters are those of three channels. rectify.forward is tested by itself."""
    x = jnp.asarray(HALVES[: 3 * 21845].view(jnp.dtype(dtype)).reshape(5, 3, -1))
    arrays = case.arrays(x.shape, "float32")[1:]
    arrays = [a.astype(dtype) if name == "residual" else a for name, a in zip(case.parameters, arrays)]
    operands = dict(zip([name.rstrip("1") for name in case.parameters], map(as_numpy, arrays)))
    expected = rectify.forward(as_numpy(x), **operands, **case.numbers, channel_axis=1)
    assert_same(as_numpy(case.call(x, *arrays)), expected)
    assert_same(as_numpy(jax.jit(case.call)(x, *arrays)), expected)


X = eighths(1, (5, 4, 3))


def test_functions_by_name():
    x, c = jnp.asarray(X), eighths(2, 3)
    calls = {
        "relu": (R.relu(x), jax.nn.relu(x)),
        "relu6": (R.relu6(4 * x), jax.nn.relu6(4 * x)),
        "leaky_relu": (R.leaky_relu(x), jax.nn.leaky_relu(x)),
        "leaky_relu(0.3)": (R.leaky_relu(x, 0.3), jax.nn.leaky_relu(x, 0.3)),
        "leaky_relu(array)": (R.leaky_relu(x, jnp.float32(0.3)), jax.nn.leaky_relu(x, 0.3)),
        "prelu": (R.prelu(x, c), jnp.where(x > 0, x, c * x)),
        "prelu(channel_axis)": (R.prelu(x, X[0, :, 0], channel_axis=1), jnp.where(x > 0, x, X[0, :, :1] * x)),
        "bias_leaky_relu": (R.bias_leaky_relu(x, c, 0.1), jax.nn.leaky_relu(x + c, 0.1)),
        "fused_leaky_relu": (R.fused_leaky_relu(x, c), jax.nn.leaky_relu(x + c, 0.2) * np.float32(2**0.5)),
        "fused_leaky_relu without bias": (R.fused_leaky_relu(x, scale=2.0), jax.nn.leaky_relu(x, 0.2) * 2),
        "rectify": (R.rectify(x), jax.nn.relu(x)),
    }
    for name, (got, expected) in calls.items():
        assert isinstance(got, jax.Array) and got.dtype == x.dtype, name
        np.testing.assert_array_equal(got, expected, name)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (1, 2, 1, 2, 1, 2, 1, 2)])
def test_shapes(shape):
    x = jnp.asarray(eighths(3, shape))
    y = R.rectify(x, alpha=0.25, bias=jnp.ones(1), gain=2.0)
    np.testing.assert_array_equal(y, jax.nn.leaky_relu(x + 1, 0.25) * 2)
    dx, dbias = jax.grad(lambda x, bias: R.rectify(x, alpha=0.25, bias=bias).sum(), (0, 1))(x, jnp.ones(1))
    np.testing.assert_array_equal(dx, np.where(x + 1 > 0, 1, 0.25))
    np.testing.assert_array_equal(dbias, [np.where(x + 1 > 0, 1, 0.25).sum()])


@pytest.mark.parametrize("shape", [(3,), (1, 3, 1)])
def test_shapes_of_parameters(shape):
    alpha = jnp.asarray([0.1, 0.2, 0.3]).reshape(shape)
    x = jnp.asarray(X.reshape(5, 3, 4))
    y, pull = jax.vjp(lambda alpha: R.prelu(x, alpha, channel_axis=1), alpha)
    np.testing.assert_array_equal(y, jnp.where(x > 0, x, alpha.reshape(3, 1) * x))
    assert pull(y)[0].shape == shape


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_parameters_of_16_bits_and_of_float32_beside_them(dtype):
    x = jnp.asarray(X, dtype)
    for kind in (dtype, "float32"):
        bias = jnp.asarray([0.5, -0.25, 1], kind)
        dbias = jax.grad(lambda bias: R.bias_leaky_relu(x, bias, 0.25).astype("float32").sum())(bias)
        assert dbias.dtype == kind
        np.testing.assert_array_equal(
            dbias.astype("float32"), np.where(X + [0.5, -0.25, 1] > 0, 1, 0.25).sum((0, 1), np.float32)
        )


def test_float64():
    with enable_x64():
        x = np.linspace(-1, 1, 7)
        assert_same(as_numpy(R.leaky_relu(x, 0.1)), np.where(x > 0, x, 0.1 * x))
        assert jax.grad(lambda a: R.prelu(jnp.asarray(x), a).sum())(jnp.float64(0.1)).dtype == "float64"


def test_numbers_are_constants_and_arrays_are_inputs():
    """A number of another sign or value is another program; an array of one element is an input."""
    x = jnp.asarray([-0.0, 0.0, -1.0])
    for threshold in (0.0, -0.0, 0.0):
        y = R.rectify(x, alpha=0.5, threshold=threshold)
        assert_same(as_numpy(y), rectify.forward(as_numpy(x), alpha=0.5, threshold=threshold, channel_axis=0))
    compiled = jax.jit(R.leaky_relu)
    for slope in (0.1, 0.2):
        np.testing.assert_array_equal(compiled(x, slope), jax.nn.leaky_relu(x, slope))
    assert compiled._cache_size() == 1


def test_a_number_as_x():
    assert R.leaky_relu(-1.0, 0.25) == -0.25
    assert jax.grad(R.leaky_relu)(-1.0, 0.25) == 0.25
    assert jax.grad(R.leaky_relu, 1)(-2.0, 0.25) == -2


def test_strided_and_sliced_arrays():
    x = jnp.asarray(X)
    np.testing.assert_array_equal(R.relu(x.T), jax.nn.relu(x).T)
    np.testing.assert_array_equal(jax.jit(lambda x: R.relu(x.T[::2]))(x), jax.nn.relu(x).T[::2])
