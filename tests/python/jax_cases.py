"""Calls of rectify.jax for the tests, each beside the same in JAX's own operations, and arrays to call them on."""

import dataclasses
import math

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp  # noqa: E402
import jax.test_util  # noqa: E402
import rectify.jax as R  # noqa: E402

check_grads = jax.test_util.check_grads
jax.config.update("jax_default_matmul_precision", "highest")  # on a GPU too, products are those of float32


def has_gpu():
    try:
        return bool(jax.devices("gpu"))
    except RuntimeError:
        return False


def enable_x64(enabled=True):
    return jax.enable_x64(enabled) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64(enabled)


CHECKED = hasattr(jax, "shard_map")  # JAX tracks along which axes of a mesh an array varies


def shard_map(function, mesh, in_specs, out_specs):
    """jax.shard_map, which older versions have elsewhere."""
    if CHECKED:
        return jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
    from jax.experimental.shard_map import shard_map as older

    return older(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_rep=False)


def per_channel(parameter, x):
    """A parameter whose channels are x's axis 1, or one of one element."""
    return parameter.reshape([-1] + [1] * (x.ndim - 2)) if jnp.size(parameter) > 1 else jnp.reshape(parameter, ())


def composed(x, *, alpha=0.0, threshold=0.0, max_value=math.inf, scale=1.0, bias=0.0, residual=0.0, gain=1.0):
    """rectify() in JAX's operations, with the channels along axis 1."""
    alpha, threshold, max_value, scale, bias = (
        per_channel(jnp.asarray(p, x.dtype), x) for p in (alpha, threshold, max_value, scale, bias)
    )
    z = x * scale + bias + residual
    y = jnp.where(z > threshold, z, alpha * (z - threshold))
    return jnp.where((z > threshold) & jnp.isfinite(max_value) & (z >= max_value), max_value, y) * gain


@dataclasses.dataclass(frozen=True)
class Case:
    """A call of rectify() on x and on named parameters: arrays of C elements, of one, or of x's shape."""

    name: str
    parameters: tuple = ()
    numbers: dict = dataclasses.field(default_factory=dict)

    def call(self, x, *arrays, **more):
        return R.rectify(x, **dict(zip(self._names, arrays)), **self.numbers, channel_axis=1, **more)

    def composed(self, x, *arrays):
        return composed(x, **dict(zip(self._names, arrays)), **self.numbers)

    @property
    def _names(self):
        return [name.rstrip("1") for name in self.parameters]

    def arrays(self, shape=(2, 3, 4), dtype="float64", seed=0):
        """x and the parameters, none of them near a limit of a region (check_grads moves them)."""
        random, channels = np.random.default_rng(seed), shape[1]
        ranges = {
            "scale": (channels, 0.5, 1.5),
            "bias": (channels, -0.5, 0.5),
            "residual": (shape, -0.5, 0.5),
            "alpha": (channels, 0.1, 0.4),
            "alpha1": (1, 0.1, 0.4),
            "bias1": (1, -0.5, 0.5),
            "threshold": (channels, -0.3, 0.3),
            "max_value": (channels, 0.8, 1.2),
        }
        drawn = [
            random.uniform(-2, 2, shape),
            *(random.uniform(low, high, size) for size, low, high in map(ranges.get, self.parameters)),
        ]
        return [jnp.asarray(array, dtype) for array in drawn]


PLAIN = [
    Case("relu"),
    Case("leaky_relu", (), {"alpha": 0.25}),
    Case("negative_slope", (), {"alpha": -0.25}),
    Case("thresholded", (), {"threshold": 0.5}),
    Case("clipped", (), {"max_value": 1.25}),
    Case("clipped_leaky", (), {"alpha": 0.125, "max_value": 1.25, "gain": 0.5}),
]
FUSED = [
    Case("prelu", ("alpha",)),
    Case("prelu_single", ("alpha1",)),
    Case("bias_leaky", ("bias",), {"alpha": 0.25, "gain": 1.5}),
    Case("bias_single", ("bias1",), {"alpha": 0.25}),
    Case("residual", ("residual",), {"alpha": 0.25}),
    Case("scale_bias", ("scale", "bias"), {"alpha": 0.25}),
    Case("learned_threshold", ("threshold",), {"alpha": 0.25}),
    Case("learned_cap", ("max_value",), {"alpha": 0.25}),
    Case("learned_cap_relu", ("max_value",)),
    Case("all", ("residual", "scale", "bias", "alpha", "threshold", "max_value"), {"gain": -1.5}),
]
ALL = PLAIN + FUSED


def cases(which=ALL):
    return pytest.mark.parametrize("case", which, ids=lambda case: case.name)


def close(got, expected, tolerance=1e-12):
    jax.tree_util.tree_map(lambda g, e: np.testing.assert_allclose(g, e, tolerance, tolerance), got, expected)
