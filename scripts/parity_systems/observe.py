"""Runs one system beside rectify and tells where they differ."""

import inputs
import numpy as np
from differences import GRADIENTS, Seen

ORDER = ("f32", "bf16", "f16", "f64")  # in which the types are asked for an example
TYPE = 7  # index of the types in a row


def seen_by(system, function, dtype, library):
    """Everything that the function is run on in a type, beside rectify."""
    seen = Seen(function.relu, dtype)
    for turn, x in enumerate(inputs.arrays(function.relu, dtype)):
        dys = inputs.gradients(x, dtype, turn)
        y, dxs = system.run(function, x, dys, dtype)
        seen.add("y", x, dys[0], library.forward(function.relu, x), y)
        for quantity, dy, dx in zip(GRADIENTS, dys, dxs):
            seen.add(quantity, x, dy, library.backward(function.relu, dy, x), dx)
    return seen


def group(row, dtype):
    """Rows with the same one are one row, whatever the example of each type."""
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
    """Answers to inputs.questions()."""
    names = {("dx", 1): "dx0", ("dx", np.inf): "dx1"}
    asked = inputs.questions(relu)
    return [seen.outcomes(names.get((quantity, dy), "y"), inputs.one(x), inputs.one(dy)) for quantity, x, dy in asked]


def observe(system, library):
    """What is seen of a system: versions, facts, and of each function its classes of differences, its points and its probes."""
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
