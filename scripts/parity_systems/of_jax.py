"""JAX on the CPU, with jit and without it. Both give the same results, except for subnormals."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from elements import bits, is_tiny
from functions import Function, System
from problem import Problem

jax.config.update("jax_enable_x64", True)


def array(value, dtype):
    value = np.asarray(value)
    return value.view(np.uint16) if dtype == "bf16" else value


def native(value, dtype):
    return value.view(ml_dtypes.bfloat16) if dtype == "bf16" else value


def pulled_back(call):
    """y and the dx of three dy."""

    def both(x, *dys):
        y, pull = jax.vjp(call, x)
        return y, [pull(dy)[0] for dy in dys]

    return both


def runner(also_eager):
    """run() of a System, under jit. A difference without jit is an error, because they would be two systems."""
    ready = {}

    def run(function, x, dys, dtype):
        both = pulled_back(function.call)
        compiled = ready.setdefault(function.name, jax.jit(both))
        given = [jnp.asarray(native(each, dtype)) for each in (x, *dys)]
        results = results_of(compiled, given, dtype)
        if also_eager:
            for one, other, dy in zip(results, results_of(both, given, dtype), (dys[0], *dys)):
                tiny = is_tiny(x, dtype) | is_tiny(dy, dtype)
                if ((bits(one, dtype) != bits(other, dtype)) & ~tiny).any():
                    raise Problem(f"{function.name}, {dtype}: not the same with jit and without")
        return results[0], results[1:]

    return run


def results_of(both, given, dtype):
    y, dxs = both(*given)
    return [array(each, dtype) for each in (y, *dxs)]


def functions():
    """leaky_relu(0.01) is the default."""
    nn = jax.nn
    return [
        Function("relu", nn.relu),
        Function("relu6", nn.relu6, max_value=6),
        Function("jnp.maximum(x, 0)", lambda x: jnp.maximum(x, 0)),
        Function("jnp.clip(0, 5)", lambda x: jnp.clip(x, 0, 5), max_value=5),
        Function("jnp.clip(0, 0.1)", lambda x: jnp.clip(x, 0, 0.1), max_value=0.1),
        Function("lax.clamp(0, 5)", lambda x: jax.lax.clamp(jnp.zeros((), x.dtype), x, jnp.full((), 5, x.dtype)), max_value=5),
        Function("leaky_relu(0.01)", nn.leaky_relu, alpha=0.01),
        Function("leaky_relu(0.3)", lambda x: nn.leaky_relu(x, 0.3), alpha=0.3),
        Function("leaky_relu(-2)", lambda x: nn.leaky_relu(x, -2), alpha=-2),
        Function("leaky_relu(0)", lambda x: nn.leaky_relu(x, 0.0)),
    ]


def system(how="both"):
    return System({"jax": jax.__version__}, functions(), runner(how == "both"))
