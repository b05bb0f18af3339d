"""The interface of a system: functions that the page maps to rectify's."""

from collections.abc import Callable
from dataclasses import dataclass, field

HALVES = ("f16", "bf16")
ALL = ("f16", "bf16", "f32", "f64")


@dataclass(frozen=True)
class Function:
    name: str  # its name on the page
    call: Callable  # a function of an array of the system
    alpha: float = 0.0
    threshold: float = 0.0
    max_value: float | None = None
    dtypes: tuple = ALL

    @property
    def relu(self):
        return (self.alpha, self.threshold, self.max_value)


@dataclass
class System:
    """An installed system. run(function, x, dys, dtype) returns y and a dx for each dy; no dx if the system has no gradients."""

    versions: dict
    functions: list
    run: Callable
    facts: dict = field(default_factory=dict)  # name -> a function that observes it, for facts that are not about a function of x alone
