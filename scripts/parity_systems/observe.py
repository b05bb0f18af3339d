"""Runs one system and rectify, and finds where they differ."""

import inputs
import numpy as np
from differences import GRADIENTS, Seen

ORDER = ("f32", "bf16", "f16", "f64")  # in which the types are searched for an example
TYPE = 7  # index of the list of types in a row


def seen_by(system, function, dtype, library):
    """Runs the function and rectify on all elements of a type."""
    seen = Seen(function.relu, dtype)
    for turn, x in enumerate(inputs.arrays(function.relu, dtype)):
        dys = inputs.gradients(x, dtype, turn)
        y, dxs = system.run(function, x, dys, dtype)
        seen.add("y", x, dys[0], library.forward(function.relu, x), y)
        for quantity, dy, dx in zip(GRADIENTS, dys, dxs):
            seen.add(quantity, x, dy, library.backward(function.relu, dy, x), dx)
    return seen


def group(row, dtype):
    """The key of a row. Rows with the same key are merged, whatever their examples."""
    quantity, where, kind, _, _, theirs, ours = row
    if kind == "rounding":
        return quantity, where, kind, dtype in ("f16", "bf16")
    return (quantity, where, kind, theirs, ours) if kind == "sign of zero" or where == "cap" else (quantity, where, kind)


def merged(rows_of):
    """Rows [quantity, where, kind, x, dy, theirs, ours, types] from those of each type."""
    found = {}
    for dtype in (dtype for dtype in ORDER if dtype in rows_of):
        for row in rows_of[dtype]:
            found.setdefault(group(row, dtype), [*row, []])[TYPE].append(dtype)
    return [[*row[:TYPE], " ".join(row[TYPE])] for row in found.values()]


def points(seen, relu):
    """The answers to inputs.questions()."""
    names = {("dx", 1): "dx0", ("dx", np.inf): "dx1"}
    asked = inputs.questions(relu)
    return [seen.outcomes(names.get((quantity, dy), "y"), inputs.one(x), inputs.one(dy)) for quantity, x, dy in asked]


def observe(system, library):
    """The observations of a system: versions, facts, and for each function its classes of differences, points and probes."""
    functions = {}
    for function in system.functions:
        seen = {dtype: seen_by(system, function, dtype, library) for dtype in function.dtypes}
        functions[function.name] = {
            "relu": list(function.relu),
            "types": " ".join(function.dtypes),
            "differs": merged({dtype: each.classes() for dtype, each in seen.items()}),
            "points": points(seen["f32"], function.relu),
            "probes": {dtype: each.probes() for dtype, each in seen.items()},
        }
    return {"versions": system.versions, "facts": {name: see() for name, see in system.facts.items()}, "functions": functions}
