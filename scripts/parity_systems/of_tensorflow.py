"""TensorFlow on the CPU: its kernels, run eagerly, or XLA."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from functions import Function, System  # noqa: E402


def array(value, dtype):
    value = value.numpy()
    return value.view(np.uint16) if dtype == "bf16" else value


def native(value, dtype):
    return tf.constant(value.view(ml_dtypes.bfloat16) if dtype == "bf16" else value)


def pulled_back(call):
    """y and the dx of each dy."""

    def both(x, *dys):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = call(x)
        return y, [tape.gradient(y, x, output_gradients=dy) for dy in dys]

    return both


def runner(compiled):
    """run() of a System."""
    ready = {}

    def run(function, x, dys, dtype):
        if function.name not in ready:
            both = pulled_back(function.call)
            ready[function.name] = tf.function(both, jit_compile=True, reduce_retracing=False) if compiled else both
        y, dxs = ready[function.name](*(native(each, dtype) for each in (x, *dys)))
        return array(y, dtype), [array(dx, dtype) for dx in dxs]

    return run


def clip(x, low, high):
    return tf.clip_by_value(x, tf.constant(low, x.dtype), tf.constant(high, x.dtype))


def functions():
    """leaky_relu(0.2) is the default."""
    nn = tf.nn
    return [
        Function("relu", nn.relu),
        Function("relu6", nn.relu6, max_value=6),
        Function("maximum(x, 0)", lambda x: tf.maximum(x, tf.zeros((), x.dtype))),
        Function("clip_by_value(0, 5)", lambda x: clip(x, 0, 5), max_value=5),
        Function("clip_by_value(0, 0.1)", lambda x: clip(x, 0, 0.1), max_value=0.1),
        Function("leaky_relu(0.2)", nn.leaky_relu, alpha=0.2),
        Function("leaky_relu(0.3)", lambda x: nn.leaky_relu(x, 0.3), alpha=0.3),
        Function("leaky_relu(-2)", lambda x: nn.leaky_relu(x, -2), alpha=-2),
        Function("leaky_relu(0)", lambda x: nn.leaky_relu(x, 0.0)),
    ]


def system(how="eager"):
    tf.config.threading.set_intra_op_parallelism_threads(1)  # otherwise the ends of threads' shares would be tails too
    return System({"tensorflow": tf.__version__}, functions(), runner(how == "xla"))
