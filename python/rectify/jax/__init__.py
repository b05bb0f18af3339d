"""rectify for JAX: functions on the CPU and on CUDA, under jit, grad, vmap and shard_map.

    from rectify.jax import leaky_relu, prelu, rectify

    y = leaky_relu(x, 0.2)
    y = prelu(x, alpha)                                                # alpha is learned, channels are the last axis
    y = rectify(x, alpha=0.2, bias=bias, residual=skip, gain=2**0.5)   # one pass

They differ from those of rectify.torch in the default of channel_axis, which is -1: layers of JAX have their channels last.
"""

from ._versions import require_jax as _require_jax

_require_jax()

from ._functions import bias_leaky_relu, fused_leaky_relu, leaky_relu, prelu, rectify, relu, relu6

__all__ = ["bias_leaky_relu", "fused_leaky_relu", "leaky_relu", "prelu", "rectify", "relu", "relu6"]
