"""rectify.jax backward: the bits of the library from every source, derivatives of the first three orders, what is kept, and what
is computed."""

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import rectify

from jax_cases import ALL, R, cases, check_grads, close, enable_x64, jax, jnp
from naive import assert_same


def saves_of(case):
    """The values of save that are valid if everything is learned."""
    names = {name.rstrip("1") for name in case.parameters}
    if names & {"scale", "alpha"}:
        return ("auto", "x")
    shows = names <= {"bias"} and case.numbers.get("alpha", 0) >= 0
    return ("auto", "x", "y", "mask") if shows else ("auto", "x", "mask")


def of_the_library(case, arrays, dy):
    """What rectify.backward computes from x, in the dtypes and the shapes of the arrays."""
    operands = {name.rstrip("1"): np.asarray(array) for name, array in zip(case.parameters, arrays[1:])}
    wanted = {
        "d" + name: True if name == "residual" or array.size == 1 else "channel" for name, array in operands.items()
    }
    found = rectify.backward(np.asarray(dy), x=np.asarray(arrays[0]), **operands, **case.numbers, **wanted)
    return [getattr(found, "d" + name).astype(array.dtype).reshape(array.shape) for name, array in
            {"x": np.asarray(arrays[0]), **operands}.items()]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@cases()
def test_the_bits_of_the_library(case, dtype):
    arrays = case.arrays((3, 5, 70), dtype)
    dy = jnp.asarray(np.random.default_rng(9).standard_normal((3, 5, 70)), dtype)
    expected = of_the_library(case, arrays, dy)
    for save in saves_of(case):
        for transform in (lambda f: f, jax.jit):
            pull = transform(lambda *a: jax.vjp(lambda *b: case.call(*b, save=save), *a)[1](dy))  # noqa: B023
            for i, (got, gradient) in enumerate(zip(pull(*arrays), expected)):
                if jax.default_backend() == "gpu" and i > 0 and case.parameters[i - 1] != "residual":
                    np.testing.assert_allclose(
                        got, gradient, 1e-2 if got.itemsize == 2 else 1e-5
                    )  # summed in another order
                else:
                    assert_same(np.asarray(got), gradient)


def test_selected_gradients():
    """dx is +0 where the slope is 0, also for a gradient that is inf or NaN; the slope at NaN is alpha, here 0."""
    x = jnp.asarray([-1, 0, -0.0, 1, math.nan, math.inf, 7], "float32")
    dy = jnp.asarray([math.inf, math.nan, -1, math.inf, 2, 3, math.nan], "float32")
    for save in ("auto", "x", "y", "mask"):
        dx = jax.vjp(lambda x: R.rectify(x, max_value=6.0, save=save), x)[1](dy)[0]  # noqa: B023
        np.testing.assert_array_equal(dx, np.asarray([0, 0, 0, math.inf, 0, 0, 0], "float32"), save)
        assert not np.signbit(np.asarray(dx)).any()


@cases([case for case in ALL if case.name in ("clipped_leaky", "learned_cap", "all")])
def test_derivatives_of_three_orders(case):
    with enable_x64():
        arrays = case.arrays((2, 3, 2))
        close(case.call(*arrays), case.composed(*arrays))
        check_grads(jax.jit(case.call), arrays, 3, ["rev"])


@cases()
def test_second_derivatives_equal_those_of_the_composed_function(case):
    """Those of a gradient penalty, by every operand and by dy."""
    with enable_x64():
        arrays = case.arrays((2, 3, 4))
        dy = jnp.asarray(np.random.default_rng(6).standard_normal((2, 3, 4)))

        def second(function):
            def penalty(dy, *a):
                first = jax.vjp(function, *a)[1](dy * function(*a) ** 2)
                return sum(((gradient + 1) ** 2).sum() for gradient in first)  # + 1: also where a gradient is 0

            return jax.jit(jax.grad(penalty, range(len(arrays) + 1)))(dy, *arrays)

        expected = second(case.composed)
        for save in saves_of(case):
            close(second(lambda *a: case.call(*a, save=save)), expected)  # noqa: B023


def test_second_derivatives_have_the_regions_of_the_first():
    """Where XLA would take another one: it may round x * scale + bias twice, and takes subnormal numbers for 0."""
    tiny, scale, bias = jnp.float32([1e-39]), jnp.float32([1 + 2**-12]), jnp.float32([-(1 + 2**-11)])

    def by_dy(function, x):
        return jax.vjp(lambda dy: jax.vjp(function, x)[1](dy)[0], jnp.ones_like(x))[1](jnp.ones_like(x))[0]

    def fused(x):
        return R.rectify(x, alpha=0.1, scale=scale, bias=bias)

    for transform in (lambda f: f, jax.jit):
        assert transform(lambda x: by_dy(fused, x))(scale) == scale
        for save in ("x", "y", "mask"):
            assert transform(lambda x: by_dy(lambda x: R.relu(x, save=save), x))(tiny) == 1  # noqa: B023


def test_an_outer_derivative_by_another_operand():
    with enable_x64():
        x, bias = jnp.linspace(-1, 1, 10), jnp.asarray([0.25])

        def slopes(bias, function):
            return (jax.grad(lambda x: (function(x, bias) ** 3).sum())(x) ** 2).sum()

        expected = jax.grad(lambda b: slopes(b, lambda x, b: jnp.where(x + b > 0, x + b, 0.25 * (x + b))))(bias)
        for save in ("auto", "x", "y", "mask"):
            got = jax.grad(lambda b: slopes(b, lambda x, b: R.bias_leaky_relu(x, b, 0.25, save=save)))(bias)  # noqa: B023
            close(got, expected)


@pytest.mark.parametrize("name", ["jit", "checkpoint in jit", "scan in jit", "cond in jit"])
def test_by_one_operand_after_another(name):
    """JAX keeps what it has traced of a compiled function, and must not take the gradient by one operand for that by another."""

    def layer(x, alpha, bias):
        return R.rectify(x, alpha=alpha, bias=bias)

    compiled = jax.jit({
        "jit": layer,
        "checkpoint in jit": jax.checkpoint(layer),
        "scan in jit": lambda x, *p: jax.lax.scan(lambda y, _: (layer(y, *p), None), x, None, 1)[0],
        "cond in jit": lambda x, *p: jax.lax.cond(x[0, 0] < 9, lambda: layer(x, *p), lambda: x),
    }[name])  # fmt: skip
    x = jnp.asarray(np.random.default_rng(5).standard_normal((6, 4)), "float32")
    arrays = x, jnp.linspace(0, 0.5, 4), jnp.linspace(-1, 1, 4)
    z = x + arrays[2]
    dz = 2 * jnp.where(z > 0, z, arrays[1] ** 2 * z)
    expected = dz, (jnp.where(z > 0, 0, 2 * arrays[1] * z * z)).sum(0), dz.sum(0)
    for by in itertools.chain(*(itertools.permutations(range(3), count) for count in (1, 2, 3))):
        got = jax.grad(lambda *a: (compiled(*a) ** 2).sum(), by)(*arrays)
        close(got, tuple(expected[i] for i in by), 1e-5)


# --- What is kept, and what is computed -------------------------------------------------------------------------------------


def kept(call, *arrays):
    """The dtypes and the sizes of the arrays between forward and backward."""
    leaves = jax.tree_util.tree_leaves(jax.vjp(jax.jit(call), *arrays)[1])
    return sorted((leaf.dtype.name, leaf.size) for leaf in leaves)


@pytest.mark.skipif(jax.__version_info__ < (0, 6), reason="this JAX keeps every input, whoever needs it")
def test_what_is_kept():
    x, channels = jnp.ones((8, 64)), jnp.ones(64)
    tensor, bits, more_bits = ("float32", 512), ("uint8", 64), ("uint8", 128)
    for save in ("auto", "y"):
        assert kept(lambda x: R.leaky_relu(x, 0.1, save=save), x) == [tensor]  # noqa: B023
        assert kept(lambda x: R.rectify(x, alpha=0.1, max_value=6, save=save), x) == [tensor]  # noqa: B023
    assert kept(lambda x: R.leaky_relu(x, 0.1, save="mask"), x) == [bits]
    assert kept(lambda x: R.leaky_relu(x, -0.1), x) == [bits]
    assert kept(lambda x: R.rectify(x, alpha=0.1, max_value=6, save="mask"), x) == [more_bits]
    assert kept(lambda x: R.rectify(x, alpha=0.1, max_value=0.3), x) == [more_bits]  # float32 has no 0.3
    assert kept(lambda x: R.rectify(x, residual=2 * x), x) == [bits]
    assert kept(R.prelu, x, channels) == [("float32", 64), tensor]


def test_the_rows_are_those_of_the_library():
    """Found by name in the table's source: a row that moves would make XLA's calls take one operand for another."""
    source = Path(__file__).resolve().parents[2] / "core/operand_table.hpp"
    if not source.exists():
        pytest.skip("the sources are not here")
    rows = re.findall(r'^ +\{"(\w+)", +Kind::', source.read_text(), re.MULTILINE)
    assert tuple(rows) == R._calls._ROWS
