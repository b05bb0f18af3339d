"""rectify.jax under JAX's transforms: vmap gives the bits of a loop, and jit, scan, checkpoint, donation and asynchronous calls
change none."""

import functools

import numpy as np
import pytest

from jax_cases import ALL, Case, R, cases, close, jax, jnp
from naive import assert_same

EXAMPLES = 3


def assert_all_same(got, expected):
    for g, e in zip(jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(expected), strict=True):
        assert_same(np.asarray(g), np.asarray(e))


def batch(case, which, shape=(2, 3, 5), dtype="float32"):
    """The arrays of the case, those in `which` for EXAMPLES examples in front; and the in_axes of vmap."""
    single = case.arrays(shape, dtype)
    several = [jnp.stack(arrays) for arrays in zip(*(case.arrays(shape, dtype, seed) for seed in range(EXAMPLES)))]
    arrays = [s if i in which else a for i, (a, s) in enumerate(zip(single, several))]
    return arrays, [0 if i in which else None for i in range(len(arrays))]


def looped(function, arrays, axes):
    """What vmap means."""
    results = [function(*(a if axis is None else a[i] for a, axis in zip(arrays, axes))) for i in range(EXAMPLES)]
    return jax.tree_util.tree_map(lambda *r: jnp.stack(r), *results)


def with_gradients(case, save="auto"):
    """y and the gradients by every operand."""

    def function(*arrays):
        y, pull = jax.vjp(lambda *a: case.call(*a, save=save), *arrays)
        return y, pull(2 * y)

    return function


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@cases()
def test_vmap_is_a_loop(case, dtype):
    """Over everything, over x alone, and over the parameters alone, of which the loop in the binary makes calls of its own."""
    count = len(case.parameters) + 1
    choices = {frozenset(range(count)), frozenset([0]), frozenset(range(1, count)) or frozenset([0])}
    for which in choices:
        arrays, axes = batch(case, which, dtype=dtype)
        for save in ("auto", "mask") if not {"scale", "alpha", "alpha1"} & set(case.parameters) else ("auto",):
            function = with_gradients(case, save)
            assert_all_same(jax.jit(jax.vmap(function, axes))(*arrays), looped(function, arrays, axes))


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 5)])  # 24 and 30 elements: a mask of whole bytes, and not
@cases([case for case in ALL if case.name in ("leaky_relu", "bias_leaky", "residual", "all")])
def test_vmap_in_vmap(case, shape):
    """Each operand has the axes of one, of the other, or of both."""
    count = len(case.parameters) + 1
    arrays, _ = batch(case, range(count), shape)
    inner = [0 if i % 2 == 0 else None for i in range(count)]
    outer = [0 if i % 3 != 1 else None for i in range(count)]
    stacked = [jnp.stack([a, 2 * a]) if axis == 0 else a for a, axis in zip(arrays, outer)]
    stacked = [a if axis == 0 else jnp.take(a, 0, 1 if o == 0 else 0) for a, axis, o in zip(stacked, inner, outer)]
    function = with_gradients(case, "auto")
    got = jax.vmap(jax.vmap(function, inner), outer)(*stacked)
    rows = [looped(function, [a[j] if axis == 0 else a for a, axis in zip(stacked, outer)], inner) for j in range(2)]
    assert_all_same(got, jax.tree_util.tree_map(lambda *r: jnp.stack(r), *rows))


def test_vmap_along_other_axes():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((4, 5, 6)), "float32")
    bias = jnp.arange(4.0)
    got = jax.vmap(lambda x: R.bias_leaky_relu(x, bias, 0.1, channel_axis=0), 1, 2)(x)
    assert_same(np.asarray(got), np.asarray(jax.nn.leaky_relu(x + bias[:, None, None], 0.1)).transpose(0, 2, 1))


@pytest.mark.parametrize("channel_axis", [0, 2, -1, -3])
def test_the_channel_axis_is_that_of_an_example(channel_axis):
    x = jnp.asarray(np.random.default_rng(1).standard_normal((EXAMPLES, 4, 5, 6)), "float32")
    alpha = jnp.arange(x.shape[1:][channel_axis]) / 8

    def function(x):
        return R.prelu(x, alpha, channel_axis=channel_axis)

    assert_same(np.asarray(jax.vmap(function)(x)), np.asarray(jnp.stack([function(row) for row in x])))


def test_vmap_of_an_example_of_eight_axes():
    x = jnp.asarray(np.random.default_rng(2).standard_normal((EXAMPLES, 2, 1, 2, 1, 2, 1, 2, 2)), "float32")
    assert_same(np.asarray(jax.vmap(R.leaky_relu)(x)), np.asarray(jax.nn.leaky_relu(x)))


@pytest.mark.parametrize("examples", [0, 1])
def test_vmap_of_no_example_and_of_one(examples):
    case = Case("bias", ("bias",), {"alpha": 0.25})
    x, bias = case.arrays((2, 3, 4), "float32")
    xs = jnp.stack([x] * examples) if examples else jnp.zeros((0, 2, 3, 4), "float32")
    y, (dx, dbias) = jax.vmap(with_gradients(case), (0, None))(xs, bias)
    assert y.shape == dx.shape == xs.shape and dbias.shape == (examples, 3)


# --- Others -----------------------------------------------------------------------------------------------------------------

X = jnp.asarray(np.random.default_rng(3).standard_normal((6, 32)), "float32")
ALPHA = jnp.linspace(0, 0.5, 32)


def loss(x, alpha, function=R.prelu):
    for _ in range(3):
        x = function(x @ jnp.eye(32), alpha)
    return (x**2).sum()


@pytest.mark.parametrize("transform", [jax.jit, jax.checkpoint, lambda f: jax.jit(jax.checkpoint(f))])
def test_jit_and_checkpoint(transform):
    """Bits are those of XLA's products and sums, which are compiled together with others or not."""
    expected = jax.value_and_grad(loss, (0, 1))(X, ALPHA)
    close(jax.value_and_grad(transform(loss), (0, 1))(X, ALPHA), expected, 1e-5)


def test_scan_and_its_gradient():
    def scanned(x, alpha):
        y, _ = jax.lax.scan(lambda y, _: (R.prelu(y @ jnp.eye(32), alpha), None), x, None, 3)
        return (y**2).sum()

    assert_all_same(jax.grad(scanned)(X, ALPHA), jax.grad(loss)(X, ALPHA))
    # The three terms of dalpha are added in another order.
    np.testing.assert_allclose(*(jax.grad(f, 1)(X, ALPHA) for f in (scanned, loss)), 1e-6)


def test_gradients_of_a_batched_loss():
    """grad of vmap and vmap of grad."""

    def row(x, alpha):
        return (R.prelu(x, alpha) ** 2).sum()

    of_batch = jax.grad(lambda a: jax.vmap(row, (0, None))(X, a).sum())(ALPHA)
    of_rows = jax.vmap(jax.grad(row, 1), (0, None))(X, ALPHA)
    np.testing.assert_allclose(of_batch, of_rows.sum(0), 1e-6)
    np.testing.assert_allclose(of_batch, jax.grad(lambda a: (R.prelu(X, a) ** 2).sum())(ALPHA), 1e-6)


def test_jacobian():
    x = X[0]
    assert_all_same(jax.jacrev(R.leaky_relu)(x), jnp.diag(jnp.where(x > 0, 1, jnp.float32(0.01))))


def test_a_hessian_by_reverse_mode_twice():
    x = X[0, :4]
    got = jax.jacrev(jax.grad(lambda x: (R.leaky_relu(x) ** 3).sum()))(x)
    np.testing.assert_allclose(got, jax.hessian(lambda x: (jax.nn.leaky_relu(x) ** 3).sum())(x), 1e-6)


def test_forward_mode_raises():
    with pytest.raises(TypeError, match="can't apply forward-mode"):
        jax.jvp(R.relu, (X,), (X,))


def test_donated_buffers():
    """XLA may give a result the memory of a donated operand: results are the same, and the donor is gone."""
    for function in (
        R.leaky_relu,
        lambda x: R.rectify(2 * x, residual=x),
        lambda x: jax.grad(lambda x: R.relu(x).sum())(x),
    ):
        donor = X + 0
        got = jax.jit(function, donate_argnums=0)(donor)
        assert donor.is_deleted()
        assert_same(np.asarray(got), np.asarray(function(X)))


def test_a_training_step_with_donated_parameters():
    def step(parameters, x):
        gradients = jax.grad(lambda p: (R.prelu(x @ p["w"], p["alpha"]) ** 2).mean())(parameters)
        return jax.tree_util.tree_map(lambda p, g: p - 0.1 * g, parameters, gradients)

    def new():
        return {"w": jnp.eye(32) + 0, "alpha": ALPHA + 0}

    expected = new()
    donating, plain, got = jax.jit(step, donate_argnums=0), jax.jit(step), new()
    for _ in range(3):
        got, expected = donating(got, X), plain(expected, X)
    assert_all_same(got, expected)


def test_many_calls_at_once():
    """Calls that do not wait for each other: XLA runs them on several threads."""
    xs = [jnp.asarray(np.random.default_rng(seed).standard_normal(100_000), "float32") for seed in range(8)]
    ys = [jax.jit(functools.partial(R.leaky_relu, negative_slope=0.1))(x) for x in xs]
    for x, y in zip(xs, ys):
        assert_same(np.asarray(y), np.asarray(jax.nn.leaky_relu(x, 0.1)))
