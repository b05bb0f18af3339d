"""A call that must raise: the error's type and text, and that nothing is written."""

import numpy as np
import pytest
import rectify
from rectify import Mask


def memory_of(value):
    """The bytes that an operand lies in, with its neighbours in a larger array."""
    array = value.bytes if isinstance(value, Mask) else value
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array.tobytes() if isinstance(array, np.ndarray) else None


def assert_rejects(error, text, function, first, **keywords):
    values = [first, *keywords.values()]
    before = [memory_of(value) for value in values]
    with pytest.raises(error, match=text) as raised:
        function(first, **keywords)
    assert raised.type is error and isinstance(raised.value, rectify.Error)
    assert [memory_of(value) for value in values] == before, "something was written"
