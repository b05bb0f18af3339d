"""What the tests of the module share.

Arrays of NumPy as its arguments, and calls with only the arguments that differ from their defaults.
"""

import math
import os
import subprocess
import sys

import numpy as np
from rectify import _rectify

FORWARD = dict(
    x=None,
    scale=None,
    bias=None,
    residual=None,
    alpha=0.0,
    threshold=0.0,
    max_value=math.inf,
    y=None,
    mask=None,
    mask_bits=1,
    order=None,
    channel_axis=1,
    gain=1.0,
    stream=None,
)
BACKWARD = dict(
    dy=None,
    x=None,
    y=None,
    mask=None,
    mask_bits=1,
    order=None,
    scale=None,
    bias=None,
    residual=None,
    alpha=0.0,
    threshold=0.0,
    max_value=math.inf,
    dx=None,
    dresidual=None,
    dscale=None,
    dbias=None,
    dalpha=None,
    dthreshold=None,
    dmax_value=None,
    allocate=None,
    channel_axis=1,
    gain=1.0,
    accumulate=False,
    stream=None,
)


def memory(array, dtype=None, cuda=False, index=0, writable=None):
    """The tuple by which the module takes an array of NumPy."""
    strides = tuple(stride // array.itemsize for stride in array.strides)
    writable = array.flags.writeable if writable is None else writable
    return array.ctypes.data, dtype or array.dtype.name, cuda, index, array.shape, strides, writable


def argument(value):
    return memory(value) if isinstance(value, np.ndarray) else value


def positional(defaults, given):
    unknown = given.keys() - defaults.keys()
    assert not unknown, unknown
    return [argument(value) for value in (defaults | given).values()]


def forward(**given):
    return _rectify.forward(*positional(FORWARD, given))


def backward(**given):
    return _rectify.backward(*positional(BACKWARD, given))


def allocate(size):
    """Memory for a workspace, which must live until the call returns: the tuple does not own it."""
    allocate.latest = np.empty(size, np.uint8)
    return memory(allocate.latest)


def python(code, **environment):
    """Runs code in another Python, and returns what it prints. The environment is this one's, with changes."""
    changed = os.environ | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=changed)
    assert done.returncode == 0, done.stderr
    return done.stdout
