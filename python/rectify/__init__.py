"""rectify: exact rectifiers (ReLU, leaky ReLU, PReLU, ReLU6, thresholded and clipped ReLU) with fused operands, masks
of 1 or 2 bits and sums, on arrays of NumPy, CuPy, PyTorch, JAX and other libraries, on the CPU and on CUDA.

    y = rectify.forward(x, alpha=0.01, bias=bias)
    gradients = rectify.backward(dy, x=x, alpha=0.01, bias=bias, dbias=True)  # gradients.dx, gradients.dbias

rectify.torch has functions and modules with autograd, rectify.jax functions for JAX's transforms. `import rectify` imports none of these libraries.
"""

from ._calls import Gradients, backward, forward
from ._errors import CudaError, Error, InvalidArgument, InvalidType, Unsupported
from ._mask import Mask, empty_mask
from ._presets import leaky_relu, relu, relu6
from ._rectify import build as build_info
from ._rectify import cuda_available

__version__: str = build_info()["version"]

__all__ = [
    "CudaError",
    "Error",
    "Gradients",
    "InvalidArgument",
    "InvalidType",
    "Mask",
    "Unsupported",
    "__version__",
    "backward",
    "build_info",
    "cuda_available",
    "empty_mask",
    "forward",
    "leaky_relu",
    "relu",
    "relu6",
]
