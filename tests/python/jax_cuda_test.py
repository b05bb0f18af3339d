"""rectify.jax on CUDA: that the other tests ran there, recorded CUDA graphs, and a stream of XLA's own. Everything else of rectify.jax
is tested on the device that JAX has by default."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rectify

from jax_cases import R, has_gpu, jax, jnp
from naive import assert_same

needs_gpu = pytest.mark.skipif(not has_gpu(), reason="JAX sees no GPU")


@pytest.mark.skipif("RECTIFY_TESTS_NEED_GPU" not in os.environ, reason="RECTIFY_TESTS_NEED_GPU is not set")
def test_jax_uses_the_gpu():
    assert jax.default_backend() == "gpu", "JAX sees no GPU: the tests of rectify.jax ran on the CPU"


@needs_gpu
def test_results_are_on_the_device_and_have_the_bits_of_the_cpu():
    x = np.random.default_rng(0).standard_normal((64, 1000)).astype("float32")
    bias = np.linspace(-1, 1, 1000, dtype="float32")
    gpu = jax.devices("gpu")[-1]
    y = jax.jit(R.bias_leaky_relu)(jax.device_put(x, gpu), jax.device_put(bias, gpu))
    assert y.devices() == {gpu}
    assert_same(np.asarray(y), rectify.forward(x, alpha=0.01, bias=bias, channel_axis=1))


STEPS = """
import jax, jax.numpy as jnp, numpy as np, rectify.jax as R

def loss(p, x):
    for _ in range(6):
        x = R.rectify(x, alpha=p["alpha"], bias=p["bias"], residual=0.5 * x)
    return (x**2).mean()

step = jax.jit(jax.value_and_grad(loss))
p = {"alpha": jnp.linspace(0, 0.5, 256), "bias": jnp.linspace(-1, 1, 256)}
for seed in range(20):
    x = jnp.asarray(np.random.default_rng(seed).standard_normal((512, 256)), "float32")
    value, gradients = step(p, x)
    p = jax.tree_util.tree_map(lambda a, g: a - 0.1 * g, p, gradients)
print(jax.default_backend(), float(value).hex(), *(float(abs(a).sum()).hex() for a in (p["alpha"], p["bias"])))
"""


def steps(**environment):
    folder = str(Path(rectify.__file__).parents[1])
    path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", STEPS], env={**os.environ, "PYTHONPATH": path, **environment}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    backend, *values = done.stdout.split()
    return backend, [float.fromhex(value) for value in values]


@needs_gpu
def test_recorded_graphs():
    """XLA records the calls of a step, workspaces included, and plays them back: the same bits, step by step."""
    recorded = "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUSTOM_CALL --xla_gpu_graph_min_graph_size=1"
    with_graphs, without = steps(XLA_FLAGS=recorded), steps(XLA_FLAGS="--xla_gpu_enable_command_buffer=")
    assert with_graphs == without and with_graphs[0] == "gpu"
    backend, values = steps(JAX_PLATFORMS="cpu")
    assert backend == "cpu"
    np.testing.assert_allclose(with_graphs[1], values, 1e-4)


@needs_gpu
def test_calls_follow_the_work_before_them():
    """A product that takes milliseconds, its rectifier and another product: all on XLA's stream."""
    x = jnp.asarray(np.random.default_rng(1).standard_normal((3000, 3000)), "float32")

    def chain(function):
        return jax.jit(lambda x: function(x @ x) @ x)(x)

    for _ in range(5):
        assert_same(np.asarray(chain(R.relu)), np.asarray(chain(jax.nn.relu)))
