"""rectify.jax on two devices: under shard_map, where each device has its part, and under jit with sharded arrays, which XLA
gathers."""

import re

import numpy as np
import pytest

from jax_cases import ALL, CHECKED, FUSED, cases, close, enable_x64, jax, jnp, shard_map

Mesh, NamedSharding, P = jax.sharding.Mesh, jax.sharding.NamedSharding, jax.sharding.PartitionSpec


@pytest.fixture(params=["cpu", "gpu"])
def mesh(request):
    try:
        devices = jax.devices(request.param)
    except RuntimeError:
        devices = []
    if len(devices) < 2:
        pytest.skip(f"JAX has fewer than two devices of the kind {request.param}")
    return Mesh(np.array(devices[:2]), ("data",))


DIVIDED = P("data")


def specs(case, x=DIVIDED):
    """x and residual are divided along their first axis, and each device has all of the parameters."""
    return (x, *(x if name == "residual" else P() for name in case.parameters))


@cases()
def test_forward_by_parts(case, mesh):
    arrays = case.arrays((4, 3, 5), "float32")
    divided = jax.jit(shard_map(case.call, mesh, specs(case), P("data")))
    close(divided(*arrays), case.call(*arrays), 0)
    assert "all-gather" not in divided.lower(*arrays).compile().as_text()


@cases()
def test_gradients_by_parts(case, mesh):
    """dalpha and the other sums are added over the devices as they are for JAX's own operations: by JAX, where it knows that a
    parameter is the same on all of them, otherwise by the caller."""
    with enable_x64():
        arrays = case.arrays((4, 3, 5))
        everything = tuple(range(len(arrays)))

        def gradients(function):
            def part(*a):
                found = jax.grad(lambda *b: (function(*b) ** 2).sum(), everything)(*a)
                if CHECKED:
                    return found
                return tuple(g if s == P("data") else jax.lax.psum(g, "data") for g, s in zip(found, specs(case)))

            return jax.jit(shard_map(part, mesh, specs(case), specs(case)))(*arrays)

        whole = jax.grad(lambda *a: (case.call(*a) ** 2).sum(), everything)(*arrays)
        close(gradients(case.call), whole)
        close(gradients(case.composed), whole)  # that it is what JAX's own operations do


@pytest.mark.skipif(not CHECKED, reason="this JAX does not track along which axes an array varies")
@cases([case for case in ALL if case.name in ("leaky_relu", "prelu", "all")])
def test_results_vary_where_operands_do(case, mesh):
    """JAX must not take what differs between the devices for the same on all, which P() says of a result."""
    arrays = case.arrays((4, 3, 5), "float32")

    def gradient_of_x(*a):
        return jax.grad(lambda x: case.call(x, *a[1:]).sum())(a[0])

    for function in (case.call, gradient_of_x, lambda *a: case.call(*a, save="x")):
        with pytest.raises(ValueError, match="out_specs"):
            jax.jit(shard_map(function, mesh, specs(case), P()))(*arrays)


@pytest.mark.skipif(not CHECKED, reason="this JAX does not track along which axes an array varies")
def test_a_parameter_of_each_device_beside_an_x_of_all(mesh):
    case = next(case for case in FUSED if case.name == "prelu")
    x, alpha = case.arrays((4, 3, 5), "float32")
    alphas = jnp.stack([alpha, 2 * alpha])

    def part(x, alpha):
        return jax.value_and_grad(lambda x: case.call(x, alpha[0]).sum())(x)

    def both(x, alphas):
        value, dx = part(x, alphas)
        return value[None], dx

    values, dx = jax.jit(shard_map(both, mesh, (P(), P("data")), (P("data"), P())))(x, alphas)
    close(values, jnp.stack([case.call(x, a).sum() for a in alphas]), 1e-5)
    close(dx, sum(jax.grad(lambda x: case.call(x, a).sum())(x) for a in alphas), 1e-6)  # noqa: B023


def test_second_derivatives_by_parts(mesh):
    case = next(case for case in FUSED if case.name == "bias_leaky")
    with enable_x64():
        x, bias = case.arrays((4, 3, 5))

        def penalty(bias, x):
            return (jax.grad(lambda x: (case.call(x, bias) ** 3).sum())(x) ** 2).sum()

        def part(bias, x):
            found = jax.grad(penalty)(bias, x)
            return found if CHECKED else jax.lax.psum(found, "data")

        close(jax.jit(shard_map(part, mesh, (P(), P("data")), P()))(bias, x), jax.grad(penalty)(bias, x))


@cases()
def test_jit_with_sharded_arrays_gathers(case, mesh):
    """XLA cannot divide the call: results are right, and each device computes all of them."""
    arrays = case.arrays((4, 3, 5), "float32")
    sharded = [jax.device_put(a, NamedSharding(mesh, s)) for a, s in zip(arrays, specs(case))]
    function = jax.jit(lambda *a: jax.value_and_grad(lambda *b: case.call(*b).sum(), tuple(range(len(a))))(*a))
    close(function(*sharded), function(*arrays), 1e-6)
    assert re.search(r"all-gather.*rectify_forward", function.lower(*sharded).compile().as_text(), re.DOTALL)
