"""Bad input to rectify.jax: each call raises its error where it is made, also under jit, and names operand, expectation and what
came."""

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Unsupported

from jax_cases import R, has_gpu, jax, jnp

X, C = jnp.ones((4, 3)), jnp.ones(3)


def rejections():
    """Name, error, text, and the call."""
    dtypes = "expected dtype float16, bfloat16, float32 or float64, got"
    return [
        ("x_int", InvalidType, f"x: {dtypes} int32", lambda: R.relu(jnp.ones(3, "int32"))),
        ("x_bool", InvalidType, f"x: {dtypes} bool", lambda: R.relu(jnp.ones(3, bool))),
        ("x_complex", InvalidType, f"x: {dtypes} complex64", lambda: R.relu(jnp.ones(3, "complex64"))),
        ("x_list", InvalidType, "x: expected an array of JAX or NumPy, or a number, got list", lambda: R.relu([1.0])),
        ("x_none", InvalidType, "x: expected an array of JAX or NumPy, or a number, got NoneType", lambda: R.relu(None)),
        ("x_objects", InvalidType, f"x: {dtypes} object", lambda: R.relu(np.array([1, None]))),
        ("x_masked", InvalidType, "x: expected an array without a mask of its own, got numpy.ma.MaskedArray",
         lambda: R.relu(np.ma.array([1.0]))),
        ("bias_key", InvalidType, f"bias: {dtypes} key<fry>", lambda: R.rectify(X, bias=jax.random.key(0))),
        ("x_axes", InvalidArgument, "x: expected 0 to 8 axes, got 9", lambda: R.relu(jnp.ones([1] * 9))),
        ("bias_dtype", InvalidArgument, "bias: expected dtype f32 as x, got f16", lambda: R.rectify(X, bias=C.astype("float16"))),
        ("bias_int", InvalidType, f"bias: {dtypes} int32", lambda: R.rectify(X, bias=jnp.ones(3, "int32"))),
        ("bias_shape", InvalidArgument, "bias: expected 1 element, or 3, the extent of axis 1, got shape [4]",
         lambda: R.rectify(X, bias=jnp.ones(4))),
        ("alpha_shape", InvalidArgument, "alpha: expected 1 element, or 3, the extent of axis 1, got shape [4]",
         lambda: R.prelu(X, jnp.ones(4))),
        ("alpha_list", InvalidType, "alpha: expected an array of JAX or NumPy, or a number, got list",
         lambda: R.leaky_relu(X, [0.1])),
        ("alpha_nan", InvalidArgument, "alpha: expected a finite number, got nan", lambda: R.leaky_relu(X, float("nan"))),
        ("residual_shape", InvalidArgument, "residual: expected shape [4, 3] as x, got [4, 1]",
         lambda: R.rectify(X, residual=X[:, :1])),
        ("residual_dtype", InvalidArgument, "residual: expected dtype f32 as x, got bf16",
         lambda: R.rectify(X, residual=X.astype("bfloat16"))),
        ("channel_axis", InvalidArgument, "channel_axis: expected -2 to 1, as a parameter",
         lambda: R.rectify(X, bias=C, channel_axis=2)),
        ("channel_axis_type", InvalidType, "channel_axis: expected an integer, got float",
         lambda: R.rectify(X, bias=C, channel_axis=1.0)),
        ("gain_zero", InvalidArgument, "gain: expected", lambda: R.rectify(X, gain=0)),
        ("gain_array", InvalidType, "gain: expected a number, got", lambda: R.rectify(X, gain=C)),
        ("save", InvalidArgument, 'save: expected "auto", "x", "y" or "mask", got \'z\'', lambda: R.relu(X, save="z")),
        ("save_y", InvalidArgument, 'save: expected "auto", "mask" or "x", as the slope is negative (-0.1), got "y"',
         lambda: jax.grad(lambda x: R.leaky_relu(x, -0.1, save="y").sum())(X)),
        ("save_mask", InvalidArgument, 'save: expected "auto" or "x", as the gradient of alpha is needed, got "mask"',
         lambda: jax.grad(lambda a: R.prelu(X, a, save="mask").sum())(C)),
    ]  # fmt: skip


@pytest.mark.parametrize("error, text, call", [r[1:] for r in rejections()], ids=[r[0] for r in rejections()])
def test_rejections(error, text, call):
    for run in (call, lambda: jax.jit(call)()):
        with pytest.raises(error) as raised:
            run()
        assert raised.type is error and isinstance(raised.value, rectify.Error)
        assert str(raised.value).startswith(text), str(raised.value)


def test_traced_parameters_of_a_wrong_shape():
    """The shapes are known while JAX traces, and the values are not."""

    def layer(x, alpha, bias):
        return R.rectify(x, alpha=alpha, bias=bias).sum()

    text = "^bias: expected 1 element, or 3, the extent of axis 1, got shape "
    for transform in (jax.jit, jax.grad, lambda f: jax.jit(jax.grad(f, (1, 2))), jax.checkpoint):
        with pytest.raises(InvalidArgument, match=text + r"\[4\]"):
            transform(layer)(X, C, jnp.ones(4))
    with pytest.raises(InvalidArgument, match=r"^bias: expected one extent other than 1 at most, got shape \[4, 3\]"):
        jax.vmap(layer, (0, None, None))(X, C, X)  # the parameter's examples are not mapped
    with pytest.raises(InvalidArgument, match=text + r"\[4\]"):
        jax.eval_shape(layer, X, C, jnp.ones(4))


def test_shapes_with_symbols():
    export = pytest.importorskip("jax.export")  # with an old JAX it needs other packages
    shape = export.symbolic_shape("b, 4")
    with pytest.raises(
        Unsupported, match=r"^x: expected a shape of numbers, as a call is compiled for one, got \(b, 4\)"
    ):
        jax.eval_shape(R.relu, jax.ShapeDtypeStruct(shape, "float32"))


@pytest.mark.skipif(not hasattr(jax.sharding, "AxisType"), reason="this JAX has no shardings in types")
def test_arrays_sharded_by_their_types():
    """A foreign function would lose the sharding, which a gradient must have too."""
    mesh = jax.make_mesh((2,), ("rows",), axis_types=(jax.sharding.AxisType.Explicit,))
    x = jax.device_put(X, jax.NamedSharding(mesh, jax.sharding.PartitionSpec("rows")))
    text = "^x: expected one device's part, inside jax.shard_map, of an array sharded by its type, got f"
    for function in (R.relu, jax.jit(R.relu), jax.grad(lambda x: R.relu(x).sum())):
        with pytest.raises(Unsupported, match=text):
            function(x)


def test_float64_without_x64():
    wide, text = np.ones((4, 3)), ": expected float64 only with jax_enable_x64, as JAX rounds it to float32 without$"
    for name in ("x", "alpha", "bias", "residual"):
        operands = {"x": X, name: wide if name in ("x", "residual") else wide[0]}
        with pytest.raises(Unsupported, match="^" + name + text):
            R.rectify(**operands)
    assert R.leaky_relu(X, np.float64(0.1)).dtype == "float32"  # a number is none of x's elements
    assert R.relu(wide.astype("float32")).dtype == "float32"


def test_donated_and_deleted_buffers():
    text = "expected an array with values, got one that was deleted or donated"
    donor, bias = X + 0, C + 0
    jax.jit(lambda x: x * 2, donate_argnums=0)(donor)
    bias.delete()
    with pytest.raises(InvalidArgument, match="^x: " + text):
        R.relu(donor)
    with pytest.raises(InvalidArgument, match="^bias: " + text):
        R.rectify(X, bias=bias)


def test_arrays_of_rectify_forward():
    """The functions for arrays of any library know JAX's, and name rectify.jax where they do not serve."""
    with pytest.raises(Unsupported, match="^x: expected a JAX array with values, got a tracer .*; rectify.jax has"):
        jax.jit(rectify.forward)(X)


@pytest.mark.skipif(not has_gpu(), reason="JAX sees no GPU")
def test_a_build_without_cuda():
    if rectify.build_info()["cuda"]:
        pytest.skip("this rectify was built with CUDA")
    with pytest.raises(jax.errors.JaxRuntimeError, match="as this rectify was built without CUDA"):
        R.relu(jax.device_put(X, jax.devices("gpu")[0])).block_until_ready()
