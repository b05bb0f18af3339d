"""Writes the tables of docs/semantics.md from the observations, between markers that name the tables."""

import re
import textwrap

import special
from markdown import table
from notices import FACTS, notices
from problem import Problem

BEGIN, END = "<!-- parity: {} -->", "<!-- parity: end -->"
# Systems in the columns of a section's table.
COLUMNS = {
    "keras": {"keras on tensorflow": "on TF", "keras on jax": "on JAX", "keras on torch": "on PyTorch", "keras 2": "Keras 2"},
    "tensorflow": {"tensorflow": "TensorFlow", "tensorflow, XLA": "under XLA"},
    "torch": {"torch": "PyTorch"},
    "jax": {"jax": "JAX"},
    "onnx": {"onnxruntime": "ONNX Runtime", "onnx.reference": "onnx.reference"},
}
QUANTITY, WHERE, KIND, X, DY, THEIRS, OURS, TYPES = range(8)
PLAIN = 4  # characters of a plain number
WIDTH = 140


def key_of(row):
    return (row[QUANTITY], row[WHERE], row[KIND])


class Section:
    """The table of differences of a family of systems."""

    def __init__(self, name, seen):
        self.systems = {key: seen[key] for key in COLUMNS[name] if key in seen}
        if not self.systems:
            raise Problem(f"parity.json has no entry for {', '.join(COLUMNS[name])}")
        self.name, self.titles = name, [COLUMNS[name][key] for key in self.systems]
        first = next(iter(self.systems.values()))["functions"]
        self.order = [*first, *(each for system in self.systems.values() for each in system["functions"] if each not in first)]

    def sorted_out(self):
        """Returns notice -> [(system, function, row)]. A class without words is an error in notices.py."""
        found = {notice: [] for notice in notices(self.name)}
        special_first = sorted(found, key=lambda notice: not notice.functions)
        for system, seen in self.systems.items():
            for function, of in seen["functions"].items():
                for row in of["differs"]:
                    notice = next((each for each in special_first if each.fits(function, row)), None)
                    if notice is None:
                        raise Problem(f"{system}, {function}: notices.py has no words for {' / '.join(row)}")
                    found[notice].append((system, function, row))
        return {notice: rows for notice, rows in found.items() if rows}

    def where_it_shows(self, rows):
        """The functions as text, with the types if they are not all of a function's."""
        types = {}
        for system, function, row in rows:
            types.setdefault(function, set()).update(row[TYPES].split())
        of = {name: each["types"] for seen in self.systems.values() for name, each in seen["functions"].items()}
        complete = all(types[name] == set(of[name].split()) for name in types)
        parts = {name: "" if types[name] == set(of[name].split()) else in_types(types[name]) for name in types}
        if len(types) == len(self.order):
            return "all" + ("" if complete else f" ({parts[self.order[0]]})")
        missing = [name for name in self.order if name not in types]
        if len(set(parts.values())) == 1:
            shown = f" ({next(iter(parts.values()))})" if not complete else ""
            few = len(missing) <= 3 < len(types)
            return ("all but " + ", ".join(missing) if few else ", ".join(sorted(types, key=self.order.index))) + shown
        return ", ".join(name + (f" ({parts[name]})" if parts[name] else "") for name in sorted(types, key=self.order.index))

    def examples(self, notice, rows):
        """(function, row) of as many classes as the notice shows, in its order; all of one function if one has them all."""
        chosen = []
        for pattern in notice.classes:
            fitting = [each for each in rows if all(a in ("*", b) for a, b in zip(pattern.split("/"), each[2]))]
            fitting.sort(key=lambda each: (bool(chosen) and each[1] != chosen[0][0], self.preference(each, rows)))
            chosen += [(function, row) for _, function, row in fitting[:1]]
        return chosen[: notice.show]

    def preference(self, candidate, rows):
        """Prefers simple examples, and among those the ones in which most systems differ."""
        _, function, row = candidate
        systems = {system for system, name, other in rows if name == function and key_of(other) == key_of(row)}
        plain = (row[WHERE] == "subnormal", row[TYPES].startswith("f16"), len(row[X]) > PLAIN, row[QUANTITY] == "dx")
        return (*plain, -len(systems), self.order.index(function), len(row[X]), row[X])

    def cell(self, system, function, row):
        """The result of the system for the example of a row."""
        of = self.systems[system]["functions"].get(function)
        if of is None:
            return "-"
        probe = self.systems[system].get("cells", {}).get(probe_key(function, row))
        if probe is not None:
            return probe
        same = [each for each in of["differs"] if each[:5] == row[:5] and row[TYPES].split()[0] in each[TYPES]]
        return same[0][THEIRS] if same else row[OURS]

    def shown(self):
        """Yields (function, row) of every example in the table."""
        return [each for notice, rows in self.sorted_out().items() for each in self.examples(notice, rows)]

    def misread(self, system, probes):
        """Cells of a system that differ from its probes: key -> (cell, result)."""
        wrong = {}
        for function, row in self.shown():
            key, cell = probe_key(function, row), self.cell(system, function, row)
            dtype = row[TYPES].split()[0]
            gave = probes.get(function, {}).get(dtype, {}).get(" ".join([row[QUANTITY], row[X], row[DY]]), cell)
            if gave != cell:
                wrong[key] = (cell, gave)
        return wrong

    def rows(self, library):
        """Yields (notice, cells of the row); notices that only facts have come last."""
        told = []
        for notice, rows in self.sorted_out().items():
            shown = self.examples(notice, rows)
            cells = ["; ".join(self.cell(system, *each) for each in shown) for system in self.systems]
            ours = "; ".join(row[OURS] for _, row in shown)
            where = self.where_it_shows(rows)
            told.append([notice.words, where, example_text(shown).removeprefix(f"{where}: "), *cells, ours])
        for fact in FACTS[self.name]:
            cells = [seen["facts"].get(fact.name, "-") for seen in self.systems.values()]
            told.append([fact.words, fact.function, fact.example, *cells, fact.ours(library)])
        return told

    def lines(self, library):
        names = ", ".join(self.order)
        head = ["You will notice", "In", "Example", *self.titles, "rectify"]
        return table(head, [[bold(row, cell, at) for at, cell in enumerate(row)] for row in self.rows(library)]) + [
            "",
            *textwrap.wrap(f"Compared: {names}.", WIDTH),
        ]


def bold(row, cell, at):
    """Marks a cell that differs from rectify's, in a table of several systems."""
    several = len(row) > 5
    return f"**{cell}**" if several and 2 < at < len(row) - 1 and cell not in (row[-1], "-") else cell


def in_types(types):
    return "not f16" if types == {"bf16", "f32", "f64"} else ", ".join(sorted(types, key=["f16", "bf16", "f32", "f64"].index))


def probe_key(function, row):
    return " ".join([function, row[TYPES].split()[0], row[QUANTITY], row[X], row[DY]]).rstrip()


def example_text(shown):
    parts, before = [], ()
    for function, row in shown:
        dtype = row[TYPES].split()[0]
        head = [function] + ([dtype] if dtype != "f32" else [])
        slope = row[QUANTITY] == "dx" and row[DY] == "1"
        what = f"slope at x={row[X]}" if slope else f"x={row[X]}" + (f", dy={row[DY]}" if row[DY] else "")
        parts.append(what if head == before else f"{', '.join(head)}: {what}")
        before = head
    return "; ".join(parts)


def versions(seen):
    """One line that lists the systems that were run."""
    found = {}
    for system in seen.values():
        for name, version in system["versions"].items():
            found.setdefault(name, [])
            found[name] += [version] if version not in found[name] else []
    return ["Run: " + ", ".join(f"{name} {' and '.join(found[name])}" for name in sorted(found)) + "."]


def regions(seen, library):
    """Returns name -> lines, for every marker of the page."""
    told = {name: Section(name, seen).lines(library) for name in COLUMNS}
    return {**told, "kinks": special.kinks(seen, library), "special": special.values(seen, library), "versions": versions(seen)}


def split(text):
    """Returns [(None, lines) or (name, lines), ...]: the page's own lines, and those of its regions."""
    parts, name, lines = [], None, []
    for line in text.split("\n"):
        begins = re.fullmatch(r"<!-- parity: (\w+) -->", line)
        if begins and (begins[1] == "end") == (name is None):
            raise Problem(f"docs/semantics.md: {line} without its end marker")
        if begins:
            parts.append((name, lines))
            name, lines = (None if begins[1] == "end" else begins[1]), []
        else:
            lines.append(line)
    if name is not None:
        raise Problem(f"docs/semantics.md: no {END} after {BEGIN.format(name)}")
    return [*parts, (None, lines)]


def require_all(parts, wanted):
    names = [name for name, _ in parts if name]
    if sorted(names) != sorted(wanted):
        wrong = sorted(set(wanted) ^ set(names)) or sorted(names)
        raise Problem(f"docs/semantics.md: expected one marker each for {', '.join(sorted(wanted))}; look at {', '.join(wrong)}")


def filled(text, told):
    """The page with these regions."""
    parts = split(text)
    require_all(parts, told)
    lines = []
    for name, own in parts:
        lines += [BEGIN.format(name), *told[name], END] if name else own
    return "\n".join(lines)


def disagreements(text, told):
    """Lines that say where the page differs from the observations."""
    parts = split(text)
    require_all(parts, told)
    wrong = []
    for name, lines in parts:
        if name is None or lines == told[name]:
            continue
        for says, gives in zip(lines + [""] * len(told[name]), told[name] + [""] * len(lines)):
            if says != gives:
                head = f"page, {name}: "
                wrong.append(f"{head}it says   {says or '(nothing)'}\n{' ' * len(head)}should be {gives or '(nothing)'}")
    return wrong
