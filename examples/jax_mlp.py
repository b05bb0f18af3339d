"""Trains a small classifier with rectify.jax on all devices of this machine, each with its share of every batch.

    python examples/jax_mlp.py                      # a few seconds on two cores
    python examples/jax_mlp.py --compare            # the same on one device too, and how far the parameters differ

Without a GPU, JAX makes two devices of the CPU. The functions in the network are bias_leaky_relu, and prelu with an
alpha that is learned for each channel. jax.lax.pmean averages over the devices. The data are made here, from --seed.
"""

import argparse
import os
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import rectify
from rectify.jax import bias_leaky_relu, prelu

FEATURES, WIDTH, CLASSES = 32, 128, 10
AXIS = "batch"  # of the devices

# --- The network ------------------------------------------------------------------------------------------------------


def initial(key):
    first, second, third = jax.random.split(key, 3)
    return {
        "w1": jax.random.normal(first, (FEATURES, WIDTH)) * (2 / FEATURES) ** 0.5,
        "b1": jnp.zeros(WIDTH),
        "w2": jax.random.normal(second, (WIDTH, WIDTH)) * (2 / WIDTH) ** 0.5,
        "alpha": jnp.full(WIDTH, 0.25),
        "w3": jax.random.normal(third, (WIDTH, CLASSES)) * (1 / WIDTH) ** 0.5,
    }


def logits(parameters, x):
    x = bias_leaky_relu(x @ parameters["w1"], parameters["b1"], 0.1)
    x = prelu(x @ parameters["w2"], parameters["alpha"])
    return x @ parameters["w3"]


def cross_entropy(parameters, x, labels):
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits(parameters, x)), labels[:, None], axis=1)
    return -chosen.mean()


# --- A step on all devices --------------------------------------------------------------------------------------------


def training_step(mesh, rate):
    """A compiled function (parameters, x, labels) -> (parameters, loss). A device has all parameters and some rows."""

    def mean_on_each_device(parameters, x, labels):
        return jax.lax.pmean(cross_entropy(parameters, x, labels), AXIS)

    loss_of_all = sharded(mean_on_each_device, mesh, in_specs=(P(), P(AXIS), P(AXIS)), out_specs=P())

    def step(parameters, x, labels):
        loss, gradients = jax.value_and_grad(loss_of_all)(parameters, x, labels)
        return jax.tree.map(lambda value, gradient: value - rate * gradient, parameters, gradients), loss

    return jax.jit(step, donate_argnums=0)


def sharded(function, mesh, in_specs, out_specs):
    if hasattr(jax, "shard_map"):
        return jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
    from jax.experimental.shard_map import shard_map  # before JAX 0.6.1, where its checks know no FFI

    return shard_map(function, mesh, in_specs=in_specs, out_specs=out_specs, check_rep=False)


# --- Training ---------------------------------------------------------------------------------------------------------


def synthetic(key, rows):
    """Points, and as labels the largest output of a network with random weights."""
    points, first, second = jax.random.split(key, 3)
    x = jax.random.normal(points, (rows, FEATURES))
    hidden = jnp.tanh(x @ jax.random.normal(first, (FEATURES, 16)) / FEATURES**0.5)
    return np.asarray(x), np.asarray((hidden @ jax.random.normal(second, (16, CLASSES))).argmax(1))


def train(devices, data, args):
    """The parameters after all steps, and the losses."""
    mesh = Mesh(np.array(devices), (AXIS,))
    everywhere, by_rows = NamedSharding(mesh, P()), NamedSharding(mesh, P(AXIS))
    parameters = jax.device_put(initial(jax.random.key(args.seed)), everywhere)
    step, losses = training_step(mesh, args.rate), []
    rows = np.random.default_rng(args.seed)
    for _ in range(args.steps):
        batch = rows.choice(len(data[0]), args.batch, replace=False)
        x, labels = (jax.device_put(array[batch], by_rows) for array in data)
        parameters, loss = step(parameters, x, labels)
        losses.append(loss)
    return jax.device_get(parameters), [float(loss) for loss in losses]


def parsed(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", action="store_true", help="train the same on one device too")
    parser.add_argument("--steps", type=int, default=200, help="of the training (200)")
    parser.add_argument("--batch", type=int, default=256, help="rows in a step, for all devices together (256)")
    parser.add_argument("--rate", type=float, default=0.1, help="learning rate (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="of data, weights and batches (0)")
    args = parser.parse_args(argv)
    if args.steps < 1 or not 1 <= args.batch <= 4096 or args.batch % jax.local_device_count():
        parser.error(f"expected 1 step or more, and 1 to 4096 rows, a multiple of {jax.local_device_count()} devices")
    return args


def main(argv=None):
    if "device_count" not in os.environ.get("XLA_FLAGS", "") and "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", 2)  # before JAX looks for devices; if it finds GPUs, it takes those
    args, devices = parsed(argv), jax.local_devices()
    x, labels = synthetic(jax.random.key(args.seed + 1), 5120)
    data, test = (x[:4096], labels[:4096]), (x[4096:], labels[4096:])
    print(f"jax {jax.__version__}, rectify {rectify.__version__}, {len(devices)} x {devices[0].device_kind}")

    begin = time.perf_counter()
    parameters, losses = train(devices, data, args)
    for number in sorted({0, args.steps // 4, args.steps // 2, 3 * args.steps // 4, args.steps - 1}):
        print(f"step {number + 1:4}: loss {losses[number]:.6f}")
    alphas, accuracy = parameters["alpha"], (np.asarray(logits(parameters, test[0]).argmax(1)) == test[1]).mean()
    print(f"accuracy on other data: {accuracy:.1%}; alphas: {alphas.min():.3f} to {alphas.max():.3f}, from 0.25")
    print(f"{time.perf_counter() - begin:.1f} s, compilation included")
    if args.compare:
        alone, _ = train(devices[:1], data, args)
        difference = max(jax.tree.leaves(jax.tree.map(lambda a, b: abs(a - b).max(), parameters, alone)))
        print(f"largest difference of a parameter from the same training on one device: {difference:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
