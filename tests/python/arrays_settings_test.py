"""Numbers, settings, sources, sums and masks that rectify.forward and rectify.backward reject, by name."""

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Mask

from naive import CHANNELS, SHAPE, eighths
from rejections import assert_rejects

BYTES = -(-np.prod(SHAPE) // 8)


@pytest.fixture
def arrays():
    return {"x": eighths(1, SHAPE), "y": np.full(SHAPE, 7, np.float32), "bias": eighths(2, CHANNELS)}


def test_parameters(arrays):
    x, y = arrays["x"], arrays["y"]
    for name in ("alpha", "threshold", "max_value"):
        for bad in ("0.1", None, True, [0.1], np.True_, 1j):
            assert_rejects(
                InvalidType,
                rf"^{name}: expected a number.*, got .*{type(bad).__name__}",
                rectify.forward,
                x,
                out=y,
                **{name: bad},
            )
        assert_rejects(
            InvalidArgument, f"^{name}: expected a number .*, got ", rectify.forward, x, out=y, **{name: 10**400}
        )
        assert_rejects(
            InvalidArgument, f"^{name}: expected .*, got nan", rectify.backward, x, x=x, dx=y, **{name: np.nan}
        )
    assert_rejects(
        InvalidArgument,
        "^max_value: expected a number not below threshold",
        rectify.forward,
        x,
        out=y,
        threshold=2,
        max_value=1,
    )


def test_gain(arrays):
    x, y = arrays["x"], arrays["y"]
    for bad in ("2", True, [2.0], np.array(2.0), None):
        assert_rejects(
            InvalidType, f"^gain: expected a number, got .*{type(bad).__name__}$", rectify.forward, x, out=y, gain=bad
        )
    for bad in (0, -0.0, np.float32(0), np.inf, np.nan, 1e-300):
        assert_rejects(InvalidArgument, "^gain: expected a ", rectify.forward, x, out=y, gain=bad)
        assert_rejects(InvalidArgument, "^gain: expected a ", rectify.backward, x, x=x, dx=y, gain=bad)


def test_channel_axis(arrays):
    x, y, bias = arrays["x"], arrays["y"], arrays["bias"]
    for bad in (True, 1.0, "1", None):
        text = f"^channel_axis: expected an integer, got .*{type(bad).__name__}$"
        assert_rejects(InvalidType, text, rectify.forward, x, out=y, channel_axis=bad)
        assert_rejects(InvalidType, text, rectify.backward, x, x=x, dx=y, channel_axis=bad)
    for bad in (3, -4, 2**40):
        assert_rejects(
            InvalidArgument, "^channel_axis: expected ", rectify.forward, x, bias=bias, out=y, channel_axis=bad
        )
        assert_rejects(
            InvalidArgument,
            f"^channel_axis: expected .*, got {bad}$",
            rectify.backward,
            x,
            x=x,
            dx=y,
            dbias="channel",
            channel_axis=bad,
        )
    assert_rejects(
        InvalidArgument,
        "^channel_axis: expected an axis of dy, which has 0, got 1$",
        rectify.backward,
        np.zeros((), np.float32),
        x=np.zeros((), np.float32),
        dbias="channel",
    )


def test_sums(arrays):
    x, y, bias = arrays["x"], arrays["y"], arrays["bias"]
    for bad in (1, "no", 1.0, None):
        assert_rejects(
            InvalidType,
            f"^accumulate: expected True or False, got {type(bad).__name__}$",
            rectify.backward,
            x,
            x=x,
            dx=y,
            dbias=bias,
            accumulate=bad,
        )
    assert_rejects(
        InvalidArgument,
        "^dbias: expected True, False, 'channel', 'all' or an array, got 'channels'$",
        rectify.backward,
        x,
        x=x,
        dx=y,
        dbias="channels",
    )
    for bad in (True, "channel", "all"):
        assert_rejects(
            InvalidArgument,
            f"^dalpha: expected an array to add to, as accumulate is True, got {bad!r}$",
            rectify.backward,
            x,
            x=x,
            dx=y,
            dbias=bias,
            dalpha=bad,
            accumulate=True,
        )
    assert_rejects(InvalidArgument, "^(dscale|scale): ", rectify.backward, x, x=x, dx=y, dscale=True)


def test_sources(arrays):
    x, y = arrays["x"], arrays["y"]
    mask = rectify.forward(x, return_mask=True)[1]
    for sources in ({}, {"x": x, "y": x}, {"x": x, "mask": mask}, {"y": x, "mask": mask}):
        assert_rejects(
            InvalidArgument, "^source: expected exactly one of x, y, mask, got ", rectify.backward, x, dx=y, **sources
        )
    assert_rejects(
        InvalidArgument,
        "^dalpha: expected none, as the source is a mask",
        rectify.backward,
        x,
        mask=mask,
        dx=y,
        dalpha=True,
    )
    assert_rejects(
        InvalidArgument,
        "^bias: expected none, as the source is a mask",
        rectify.backward,
        x,
        mask=mask,
        dx=y,
        bias=arrays["bias"],
    )
    assert_rejects(InvalidArgument, "^(alpha|source|y): ", rectify.backward, x, y=x, alpha=-1, dx=y)
    with pytest.raises(InvalidArgument, match="expected"):
        rectify.backward(x, x=x, dx=False)


def test_masks(arrays):
    x, y = arrays["x"], arrays["y"]
    memory = np.zeros(2 * BYTES, np.uint8)
    for error, text, bad in (
        (InvalidType, "expected a Mask, .* got numpy.ndarray$", memory),
        (InvalidType, "expected a Mask, .* got bool$", True),
        (InvalidArgument, r"expected the shape of x, \(5, 3, 7\), got \(3, 5, 7\)$", Mask(memory, 1, (3, 5, 7))),
        (InvalidArgument, "expected 14 bytes or more.*, got 13", Mask(memory[:13], 1, SHAPE)),
        (InvalidArgument, "expected 27 bytes or more.*, got 26", Mask(memory[:26], 2, SHAPE)),
        (InvalidArgument, "expected 1 axis, got 2", Mask(memory.reshape(2, -1), 1, SHAPE)),
        (InvalidArgument, "expected contiguous bytes, got a stride of 2", Mask(memory[::2], 1, SHAPE)),
        (InvalidType, "expected dtype uint8, got float32", Mask(memory.view(np.float32), 1, SHAPE)),
        (
            InvalidArgument,
            "expected bytes in an array of NumPy, as x is, got bytearray$",
            Mask(bytearray(28), 1, SHAPE),
        ),
    ):
        assert_rejects(error, "^mask: " + text, rectify.forward, x, mask=bad, out=y)
        assert_rejects(
            error,
            "^mask: " + text.replace("of x", "of dy").replace("as x", "as dy"),
            rectify.backward,
            x,
            mask=bad,
            dx=y,
        )
    assert_rejects(
        InvalidArgument,
        "^mask: expected dtype u2, as there is a cap",
        rectify.forward,
        x,
        mask=Mask(memory, 1, SHAPE),
        out=y,
        alpha=0.5,
        max_value=1,
    )
    assert_rejects(
        InvalidArgument,
        "^dmax_value: expected a mask of dtype u2",
        rectify.backward,
        x,
        mask=Mask(memory, 1, SHAPE),
        dx=y,
        max_value=1,
        dmax_value=True,
    )


def test_streams(arrays):
    x, y = arrays["x"], arrays["y"]
    for bad in ("0", 1.5, True, object(), [1]):
        text = (
            f"^stream: expected a cudaStream_t as an integer, or a stream of CuPy or PyTorch, got {type(bad).__name__}$"
        )
        assert_rejects(InvalidType, text, rectify.forward, x, out=y, stream=bad)
    for bad in (-1, 2**64):
        assert_rejects(
            InvalidArgument, f"^stream: expected a cudaStream_t, got {bad}$", rectify.backward, x, x=x, dx=y, stream=bad
        )
    rectify.forward(x, stream=5)  # the CPU ignores it


def test_unknown_keywords(arrays):
    for function in (rectify.forward, rectify.backward, rectify.relu, rectify.empty_mask):
        with pytest.raises(TypeError, match="biass"):
            function(arrays["x"], biass=arrays["bias"])
    with pytest.raises(TypeError, match="positional"):
        rectify.forward(arrays["x"], 0.1)
