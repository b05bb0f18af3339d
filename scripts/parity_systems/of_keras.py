"""Keras 3 on the backend that KERAS_BACKEND names, and Keras 2 (tf_keras)."""

import importlib
import re

from elements import decode, encode, text
from functions import Function, System
from problem import Problem

LONG = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}


class Layers:
    """A layer in each type. It takes a sample of one axis."""

    def __init__(self, make):
        self.of = {name: make(name) for name in LONG.values()}
        for layer in self.of.values():
            layer.build((None, None))

    def __call__(self, x):
        dtype = re.search(r"b?float\d+", str(x.dtype)).group()
        return self.of[dtype](x[None])[0]


def relus(keras, slope):
    """relu with up to three parameters: a is a slope of 0.1, m max_value, t threshold. `slope` is the keyword of the slope."""

    def relu(shown, alpha=0.0, max_value=None, threshold=0.0):
        given = {slope: alpha, "max_value": max_value, "threshold": threshold}
        call = lambda x: keras.activations.relu(x, **given)  # noqa: E731
        return Function(shown, call, alpha=alpha, threshold=threshold, max_value=max_value)

    return [
        relu("relu"),
        relu("m6", max_value=6),
        relu("m5", max_value=5),
        relu("a", alpha=0.1),
        relu("a m6", alpha=0.1, max_value=6),
        relu("a m5", alpha=0.1, max_value=5),
        relu("t1", threshold=1),
        relu("a t1", alpha=0.1, threshold=1),
        relu("m6 t1", max_value=6, threshold=1),
        relu("a m6 t1", alpha=0.1, max_value=6, threshold=1),
        relu("m2 t-1", max_value=2, threshold=-1),
    ]


def prelu(keras, alpha):
    start = keras.initializers.Constant(alpha)
    layer = lambda dtype: keras.layers.PReLU(alpha_initializer=start, shared_axes=[1], dtype=dtype)  # noqa: E731
    return Function(f"PReLU {alpha:g}", Layers(layer), alpha=alpha)


def functions(keras, is_old):
    layers = keras.layers
    more = [
        Function("LeakyReLU", Layers(lambda dtype: layers.LeakyReLU(dtype=dtype)), alpha=0.3),
        prelu(keras, 0.25),
        prelu(keras, 0.0),
    ]
    if is_old:
        more.append(Function("ThresholdedReLU", Layers(lambda dtype: layers.ThresholdedReLU(dtype=dtype)), threshold=1))
    else:
        more.append(Function("leaky_relu", keras.activations.leaky_relu, alpha=0.2))
        more.append(Function("threshold", lambda x: keras.activations.threshold(x, 1, 0), threshold=1))
    return relus(keras, "alpha" if is_old else "negative_slope") + more


def facts(keras, slope, run):
    """Observations of single elements, and of arguments that the layers reject."""

    def of_relu(x, dtype, **given):
        function = Function(f"relu {given}", lambda array: keras.activations.relu(array, **given))
        return lambda: text(decode(run(function, encode([x], dtype), [], dtype)[0], dtype)[0], dtype)

    def of_layer(make):
        def see():
            try:
                layer = make(dtype="float32")
                function = Function(layer.name, layer)
                return text(run(function, encode([-2.0], "f32"), [], "f32")[0][0], "f32")
            except ValueError:
                return "ValueError"

        return see

    layers = keras.layers
    return {
        "cap below threshold": of_relu(1.5, "f32", **{slope: 0.1}, max_value=1, threshold=2),
        "overflow": of_relu(-65504.0, "f16", **{slope: 0.1}, threshold=64),
        "negative slope of ReLU": of_layer(lambda **more: layers.ReLU(negative_slope=-0.5, **more)),
        "negative slope of LeakyReLU": of_layer(lambda **more: layers.LeakyReLU(**{slope: -0.5}, **more)),
    }


def system(backend):
    keras = importlib.import_module("tf_keras" if backend == "old" else "keras")
    below = "tensorflow" if backend == "old" else backend
    if backend != "old" and keras.backend.backend() != backend:
        raise Problem(f"Keras runs on {keras.backend.backend()} and not on {backend}")
    of_backend = importlib.import_module("of_" + below).system(*(["jit"] if below == "jax" else []))
    versions = {("tf_keras" if backend == "old" else "keras"): keras.__version__, **of_backend.versions}
    slope = "alpha" if backend == "old" else "negative_slope"
    return System(versions, functions(keras, backend == "old"), of_backend.run, facts(keras, slope, of_backend.run))
