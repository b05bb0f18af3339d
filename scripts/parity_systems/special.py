"""The two tables over all systems: slopes at the kinks, and special values."""

from elements import text
from inputs import one, questions
from markdown import table

KERAS = {"keras on tensorflow": "TF", "keras on jax": "JAX", "keras on torch": "PyTorch"}
TENSORFLOW = {"tensorflow": "kernels", "tensorflow, XLA": "XLA"}
# column -> its systems, and their names in a cell if they differ
COLUMNS = {"Keras 3": KERAS, "Keras 2": {"keras 2": ""}, "TensorFlow": TENSORFLOW, "PyTorch": {"torch": ""}, "JAX": {"jax": ""}}


def in_columns(keras=None, tf=None, torch=None, jax=None, old=None):
    """column -> name of the function in its systems."""
    names = {"Keras 3": keras, "Keras 2": old or keras, "TensorFlow": tf, "PyTorch": torch, "JAX": jax}
    return {column: name for column, name in names.items() if name}


KINK, CAP = 5, 6  # indices into inputs.questions()
CLIPS = in_columns("m5", "clip_by_value(0, 5)", "clamp(0, 5)", "jnp.clip(0, 5)")
# function and x, index, rectify's parameters, functions
KINKS = (
    ("relu at 0", KINK, (0, 0, None), in_columns("relu", "relu", "relu", "relu")),
    ("relu6 at 0", KINK, (0, 0, 6), in_columns("m6", "relu6", "relu6", "relu6")),
    ("relu6 at 6", CAP, (0, 0, 6), in_columns("m6", "relu6", "relu6", "relu6")),
    ("leaky 0.3 at 0", KINK, (0.3, 0, None), in_columns("LeakyReLU", "leaky_relu(0.3)", "leaky_relu(0.3)", "leaky_relu(0.3)")),
    ("PReLU 0.25 at 0", KINK, (0.25, 0, None), in_columns("PReLU 0.25", None, "prelu(0.25)")),
    ("alpha 0.1 with cap 6 at 0", KINK, (0.1, 0, 6), in_columns("a m6")),
    ("alpha 0.1 with threshold 1 at 1", KINK, (0.1, 1, None), in_columns("a t1")),
    ("threshold 1 at 1", KINK, (0, 1, None), in_columns("t1", None, "threshold(1, 0)")),
    ("maximum(x, 0) at 0", KINK, (0, 0, None), in_columns(None, "maximum(x, 0)", "clamp_min(0)", "jnp.maximum(x, 0)")),
    ("clip to (0, 5) at 0", KINK, (0, 0, 5), CLIPS),
    ("clip to (0, 5) at 5", CAP, (0, 0, 5), CLIPS),
    ("hardtanh(0, 5), lax.clamp at 5", CAP, (0, 0, 5), in_columns(None, None, "hardtanh(0, 5)", "lax.clamp(0, 5)")),
)
NAMES = {
    "keras on tensorflow": "Keras 3 on TF",
    "keras on jax": "Keras 3 on JAX",
    "keras on torch": "Keras 3 on PyTorch",
    "keras 2": "Keras 2",
    "tensorflow": "TensorFlow",
    "tensorflow, XLA": "TensorFlow under XLA",
    "torch": "PyTorch",
    "jax": "JAX",
}
# function, rectify's parameters, functions
VALUES = (
    ("relu", (0, 0, None), in_columns(None, "relu", "relu", "relu")),
    ("relu6", (0, 0, 6), in_columns(None, "relu6", "relu6", "relu6")),
    ("leaky 0.3", (0.3, 0, None), in_columns(None, "leaky_relu(0.3)", "leaky_relu(0.3)", "leaky_relu(0.3)")),
    ("leaky 0", (0, 0, None), in_columns(None, "leaky_relu(0)", "leaky_relu(0)", "leaky_relu(0)")),
    ("threshold 1", (0, 1, None), in_columns("t1", None, "threshold(1, 0)")),
)


def ours_at(library, relu, index):
    """Rectify's answer to one of inputs.questions()."""
    asked = questions(relu)[index]
    if asked[0] == "y":
        return text(library.forward(relu, array(asked[1]))[0], "f32")
    return text(library.backward(relu, array(asked[2]), array(asked[1]))[0], "f32")


def array(number):
    return one(number)[None]


def marked(cell, ours):
    return cell if cell == ours else f"**{cell}**"


def points_of(seen, column, functions):
    """Returns system -> points, for the systems of a column that have the function."""
    name = functions.get(column)
    of = {system: seen[system]["functions"].get(name) for system in COLUMNS[column] if system in seen}
    return {system: each["points"] for system, each in of.items() if each}


def kinks(seen, library):
    columns = [column for column in COLUMNS if any(system in seen for system in COLUMNS[column])]
    rows = {}
    for what, index, relu, functions in KINKS:
        ours = ours_at(library, relu, index)
        cells = tuple(kink_cell(column, points_of(seen, column, functions), index, ours) for column in columns)
        rows.setdefault((ours, *cells), []).append(what)
    return table(["slope of", "rectify", *columns], [["; ".join(what), *cells] for cells, what in rows.items()])


def kink_cell(column, points, index, ours):
    told = {system: each[index] for system, each in points.items()}
    if len(set(told.values())) == 1:
        return marked(next(iter(told.values())), ours)
    return ", ".join(f"{COLUMNS[column][system]} {marked(cell, ours)}" for system, cell in told.items()) or "-"


def values(seen, library):
    """A row for each set of values, rectify first. Systems that equal rectify are left out."""
    rows, others = {}, {}
    for what, relu, functions in VALUES:
        ours = tuple(ours_at(library, relu, index) for index in range(KINK))
        rows.setdefault(ours, []).append(what)
        for column in COLUMNS:
            for system, points in points_of(seen, column, functions).items():
                cells = tuple(marked(cell, mine) for cell, mine in zip(points, ours))
                if cells != ours:
                    others.setdefault(cells, {}).setdefault(what, []).append(NAMES[system])
    body = [[f"**rectify**: {', '.join(what)}", *cells] for cells, what in rows.items()]
    for cells, told in others.items():
        by_names = {}
        for what, names in told.items():
            by_names.setdefault(", ".join(names), []).append(what)
        who = "; ".join(f"{names}: {', '.join(what)}" for names, what in by_names.items())
        body.append([who, *cells])
    return table(["who and what", "y(NaN)", "y(-inf)", "y(-0.0)", "dx at x=NaN, dy=1", "dx at x=-1, dy=inf"], body)
