"""JAX arrays on the CPU: inputs are read in place, results are JAX arrays, and nothing is written to JAX's memory."""

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Unsupported

from naive import CHANNELS, SHAPE, Function, assert_same, eighths, forward, sums

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")

X, DY, BIAS = eighths(1, SHAPE), eighths(2, SHAPE), eighths(3, CHANNELS)


def enable_x64():
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


@pytest.fixture(autouse=True)
def on_the_cpu():
    with jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_layer(dtype):
    x, dy, bias = (jnp.asarray(array, dtype) for array in (X, DY, BIAS))
    y, mask = rectify.forward(x, alpha=0.25, bias=bias, return_mask=True)
    assert (
        isinstance(y, jax.Array)
        and isinstance(mask.bytes, jax.Array)
        and y.dtype == dtype
        and y.devices() == x.devices()
    )
    assert_same(
        np.asarray(y.astype("float32")),
        np.asarray(jnp.asarray(forward(Function(0.25), X, bias=BIAS), dtype).astype("float32")),
    )
    assert_same(mask.unpack(), (X + BIAS[:, None] > 0).astype(np.uint8))
    got = rectify.backward(dy, mask=mask, alpha=0.25, dbias="channel")
    terms = sums(Function(0.25), DY, X, bias=BIAS)
    assert isinstance(got.dx, jax.Array) and isinstance(got.dbias, jax.Array)
    assert_same(np.asarray(got.dx.astype("float32")), terms["dbias"])
    assert_same(np.asarray(got.dbias), terms["dbias"].sum((0, 2)))
    got = rectify.backward(dy, x=x, alpha=jnp.full(CHANNELS, 0.25, dtype), bias=bias, dalpha=True)
    assert_same(np.asarray(got.dalpha), terms["dalpha"].sum((0, 2)))
    assert_same(np.asarray(x.astype("float32")), X)


def test_float64():
    with enable_x64():
        x = jnp.asarray(X, "float64")
        y = rectify.forward(x, alpha=0.1)
        assert_same(np.asarray(y), forward(Function(0.1), X.astype(np.float64)))
        assert rectify.backward(x, x=x, dbias="channel").dbias.dtype == "float64"
    with pytest.raises(Unsupported, match="^x: expected float64 only with jax_enable_x64"):
        rectify.forward(x)


def test_the_library_is_known():
    """JAX arrays have DLPack and __array_namespace__, by which they would be taken for arrays that can be written."""
    assert rectify._libraries.library_of(jnp.asarray(X)).name == "JAX"


def test_results_outlive_their_inputs():
    y = rectify.forward(jnp.asarray(X) * 2)
    again = [rectify.forward(jnp.asarray(X) * i) for i in range(20)]
    assert_same(np.asarray(y), np.maximum(X * 2, 0))
    assert_same(np.asarray(again[3]), np.maximum(X * 3, 0))


def test_results_of_unfinished_computations():
    big = jnp.asarray(np.random.default_rng(4).standard_normal((500, 500)), "float32")
    product = big @ big  # runs asynchronously
    assert_same(np.asarray(rectify.forward(product)), np.maximum(np.asarray(product), 0))


def test_outputs_are_rejected():
    x, mask = jnp.asarray(X), rectify.empty_mask(X)
    text = ": expected an array that can be written, got one of JAX$"
    with pytest.raises(InvalidArgument, match="^y" + text):
        rectify.forward(x, out=jnp.zeros_like(x))
    with pytest.raises(InvalidArgument, match="^dx" + text):
        rectify.backward(x, x=x, dx=x)
    with pytest.raises(InvalidArgument, match="^dbias" + text):
        rectify.backward(x, x=x, dbias=jnp.zeros(CHANNELS), accumulate=True)
    with pytest.raises(InvalidArgument, match="^x: expected an array .*of JAX; use forward.return_mask=True"):
        rectify.empty_mask(x)
    with pytest.raises(InvalidArgument, match="^mask: expected bytes in an array of JAX, as x is"):
        rectify.forward(x, mask=mask)
    own = rectify.forward(x, return_mask=True)[1]
    with pytest.raises(InvalidArgument, match="^mask" + text):
        rectify.forward(x, mask=own)
    out = np.zeros_like(X)
    assert rectify.forward(x, out=out) is out  # NumPy's memory can be written
    assert_same(out, np.maximum(X, 0))


def test_dtypes():
    for dtype, name in (("int32", "int32"), ("bool", "bool"), ("complex64", "complex64")):
        with pytest.raises(InvalidType, match=f"^x: expected dtype float16, .* got {name}"):
            rectify.forward(jnp.zeros(3, dtype))


def test_tracers():
    text = "^x: expected a JAX array with values, got a tracer"
    for transform in (
        jax.jit(rectify.forward),
        jax.vmap(rectify.forward),
        jax.grad(lambda x: rectify.forward(x).sum()),
    ):
        with pytest.raises(Unsupported, match=text):
            transform(jnp.asarray(X))


def test_deleted_arrays():
    x = jnp.asarray(X)
    x.delete()
    with pytest.raises(InvalidArgument, match="^x: expected an array with values, got a deleted JAX array$"):
        rectify.forward(x)
