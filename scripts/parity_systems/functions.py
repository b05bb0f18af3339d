"""What a system offers: functions that the page maps to rectify's."""

from collections.abc import Callable
from dataclasses import dataclass, field

HALVES = ("f16", "bf16")
ALL = ("f16", "bf16", "f32", "f64")


@dataclass(frozen=True)
class Function:
    name: str  # as the page calls it
    call: Callable  # of an array of the system
    alpha: float = 0.0
    threshold: float = 0.0
    max_value: float | None = None
    dtypes: tuple = ALL

    @property
    def relu(self):
        return (self.alpha, self.threshold, self.max_value)


@dataclass
class System:
    """A system as it is installed here. run(function, x, dys, dtype) gives y and one dx for each dy, none if it has no gradients."""

    versions: dict
    functions: list
    run: Callable
    facts: dict = field(default_factory=dict)  # name -> what sees it, for what is no function of x alone
