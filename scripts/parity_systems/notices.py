"""The words of the page's tables: for each section, the names of the classes of differences, and the facts.

A class belongs to the first notice that fits. Notices that name functions come first, then others of its section, then general ones."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from elements import decode, encode, text
from library import InvalidArgument

HALVES, F64 = "bf16 f16", "f64"


@dataclass(frozen=True)
class Notice:
    words: str
    classes: tuple  # of "quantity/where/kind", * for any
    show: int = 1  # how many of the classes have an example in the table
    functions: str = ""  # a regular expression
    types: str = ""  # only classes that occur in no other type

    def fits(self, function, row):
        quantity, where, kind, *_, types = row
        return (
            any(all(a in ("*", b) for a, b in zip(each.split("/"), (quantity, where, kind))) for each in self.classes)
            and re.search(self.functions, function) is not None
            and (not self.types or set(types.split()) <= set(self.types.split()))
        )


GENERAL = (
    Notice("alpha 0 still multiplies", ("y/-inf/NaN", "y/below/sign of zero"), show=2),
    Notice("the sign of a zero result", ("y/*/sign of zero",)),
    Notice("the backward multiplies by 0: dy = inf gives NaN", ("dx/*/NaN",)),
    Notice("dy = -0.0 gives +0", ("dx/*/sign of zero",)),
    Notice("f16, bf16: alpha is rounded to the tensor's type", ("*/*/rounding",), types=HALVES),
    Notice("f64: alpha is a float32 attribute", ("*/*/rounding", "y/linear/value"), types=F64),
    Notice("subnormals are flushed", ("y/subnormal/value", "dx/subnormal/value"), show=2),
    Notice("NaN becomes a number", ("y/NaN/number",)),
)

OF_SECTION = {
    "keras": (
        Notice("slope at the threshold: alpha with a cap or a threshold, PReLU", ("dx/kink/value",)),
        Notice("slope of leaky at 0", ("dx/kink/value",), functions=r"^a$|eaky"),
        Notice(
            "threshold < 0: a cap turns (threshold, 0) into 0 (tf#28230, tf#48646)",
            ("y/linear/value", "dx/linear/value", "dx/zero/value"),
            show=3,
        ),
        Notice("slope at a cap other than 6, and at 6 with a threshold", ("dx/cap/value",)),
        Notice("slope at NaN", ("dx/NaN/value",)),
        Notice("a threshold loses NaN if alpha is 0", ("y/NaN/number",)),
        Notice("a product with 0: threshold in Keras 2, PReLU with alpha 0", ("y/-inf/NaN", "y/below/sign of zero"), show=2),
        Notice("the backward multiplies by 0: dy = inf gives NaN", ("dx/*/NaN",)),
        Notice("f16, bf16: every step is rounded, and alpha", ("*/*/rounding",), types=HALVES),
        Notice("subnormals are flushed", ("y/subnormal/value", "dx/subnormal/value", "y/below/value"), show=2),
    ),
    "tensorflow": (Notice("slope at the bounds", ("dx/kink/value", "dx/cap/value"), show=2),),
    "torch": (
        Notice("the backward lets dy through at NaN", ("dx/NaN/value",)),
        Notice("the same, by place", ("dx/NaN/value",), functions="relu6|hardtanh"),
        Notice("the bounds are rounded to the tensor's type", ("dx/cap/value",)),
    ),
    "jax": (
        Notice("it tests x >= 0: slope at 0", ("dx/kink/value",), functions="leaky"),
        Notice("ties split the gradient", ("dx/kink/value", "dx/cap/value"), show=2),
        Notice("subnormals are flushed, or taken for 0", ("y/subnormal/value", "dx/subnormal/value"), show=2),
    ),
    "onnx": (),
}


def notices(section):
    """In the order of the table's rows."""
    return [*OF_SECTION[section], *GENERAL]


@dataclass(frozen=True)
class Fact:
    """A row for one fact, which has the same name among the facts of a system."""

    name: str
    words: str
    function: str
    example: str
    ours: Callable  # of the library


def value(relu, x, dtype="f32"):
    return lambda library: text(decode(library.forward(relu, encode([x], dtype)), dtype)[0], dtype)


def slope(relu, x):
    return lambda library: text(library.backward(relu, encode([1], "f32"), encode([x], "f32"))[0], "f32")


def weight_gradient(library):
    dalpha = library.dalpha((0.25, 0, None), encode([300], "f16"), encode([-300], "f16"))
    return f"{text(dalpha, 'f32')} (f32)"


def rejection(call):
    """The error text of the library for a call."""

    def ours(library):
        try:
            call(library)
        except InvalidArgument:
            return "`InvalidArgument`"
        return "accepted"

    return ours


def backward_from_y(library):
    library.backward_from_y((-2, 0, None), encode([1], "f32"), encode([2], "f32"))


FACTS = {
    "keras": (
        Fact(
            "cap below threshold",
            "max_value < threshold is accepted",
            "relu",
            "a=0.1, m=1, t=2: x=1.5",
            rejection(value((0.1, 2, 1), 1.5)),
        ),
        Fact("overflow", "f16: a step overflows", "relu", "a=0.1, t=64: x=-65504", value((0.1, 64, None), -65504, "f16")),
        Fact("negative slope of ReLU", "a negative slope is rejected", "layer ReLU", "slope -0.5: x=-2", value((-0.5, 0, None), -2)),
        Fact("negative slope of LeakyReLU", "the same", "layer LeakyReLU", "slope -0.5: x=-2", value((-0.5, 0, None), -2)),
    ),
    "tensorflow": (),
    "torch": (
        Fact(
            "weight gradient",
            "PReLU's weight gradient is rounded to x's type before the sum",
            "prelu",
            "f16, weight 0.25: x=-300, dy=300",
            weight_gradient,
        ),
        Fact("forward mode", "slope at 0 in forward mode (jvp)", "prelu", "weight 0.25: x=0", slope((0.25, 0, None), 0)),
        Fact(
            "in place",
            "backward from y with a negative slope (pytorch#31938)",
            "leaky_relu_",
            "slope -2: x=-1",
            rejection(backward_from_y),
        ),
    ),
    "jax": (),
    "onnx": (Fact("clip", "a cap below 0 is accepted", "Clip", "Clip(0, -1): x=3", rejection(value((0, 0, -1), 3))),),
}
