"""docs/parity.json: the observations of each system, and how they differ from those of this run."""

import json

from elements import decode, encode, number, text
from page import DY, OURS, QUANTITY, THEIRS, TYPES, WHERE, X
from problem import Problem
from systems import SYSTEMS


def load(path):
    """Sorts the observations in the order of SYSTEMS."""
    if not path.exists():
        return {}
    try:
        kept = json.loads(path.read_text())
        return {name: kept[name] for name in SYSTEMS if name in kept}
    except (ValueError, TypeError) as error:
        raise Problem(f"{path.name} cannot be read: {error}") from None


def dumped(seen):
    """JSON with a line for each class, so that a diff shows changed classes by line."""
    systems = []
    for name, of in seen.items():
        lines = [f'  "versions": {json.dumps(of["versions"])}', f'  "facts": {json.dumps(of["facts"])}']
        lines += [f'  "cells": {json.dumps(of["cells"])}'] if of.get("cells") else []
        lines.append('  "functions": {\n' + ",\n".join(map(function_text, of["functions"].items())) + "\n  }")
        systems.append(f" {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(systems) + "\n}\n"


def function_text(item):
    name, of = item
    differs = ",\n".join("    " + json.dumps(row, separators=(",", ":")) for row in of["differs"])
    head = {key: of[key] for key in ("relu", "types", "points")}
    return f'   {json.dumps(name)}: {json.dumps(head)[:-1]}, "differs": [' + (f"\n{differs}]}}" if differs else "]}")


def without_probes(of):
    functions = {name: {key: told for key, told in each.items() if key != "probes"} for name, each in of["functions"].items()}
    return {**of, "functions": functions}


def said(row):
    """Describes a class in words."""
    x = f"x={row[X]}" + (f", dy={row[DY]}" if row[DY] else "")
    return f"{row[QUANTITY]} at {x}: {row[THEIRS]}, rectify {row[OURS]} ({row[WHERE]}; {row[TYPES]})"


def title(name, kept, now):
    """The system with its versions, and with those of the page if they differ."""
    versions = " ".join(f"{each} {version}" for each, version in now["versions"].items())
    before = " ".join(f"{each} {version}" for each, version in kept["versions"].items())
    return f"{name} [{versions}" + (f"; the page: {before}]" if before != versions else "]")


def differences(name, kept, now):
    """Lines that compare the page's observations of a system with those of this run."""
    if kept is None:
        return [f"{name}: is not on the page"]
    wrong, head = [], title(name, kept, now)
    for fact in {**kept["facts"], **now["facts"]}:
        says, saw = (each["facts"].get(fact, "nothing") for each in (kept, now))
        if says != saw:
            wrong.append(f"{head}, {fact}: the page says {says}; saw {saw}")
    for function in {**kept["functions"], **now["functions"]}:
        says, saw = (each["functions"].get(function) for each in (kept, now))
        wrong += [f"{head}, {function}: {line}" for line in of_function(says, saw)]
    return wrong


def of_function(says, saw):
    if not says or not saw:
        return ["the page does not have it" if saw else "the page has it; it is not there any more"]
    lost = [row for row in says["differs"] if row not in saw["differs"]]
    new = [row for row in saw["differs"] if row not in says["differs"]]
    lines = []
    for row in lost:
        instead = [other for other in new if other[:3] == row[:3]]
        new = [other for other in new if other not in instead]
        lines.append(f"the page says {said(row)}; saw {' and '.join(map(said, instead)) or 'no such difference'}")
    lines += [f"the page says nothing; saw {said(row)}" for row in new]
    if not lines and says != {key: told for key, told in saw.items() if key != "probes"}:
        lines.append(f"the page says {says['points']} ({says['types']}); saw {saw['points']} ({saw['types']})")
    return lines


def rectify_disagreements(seen, library):
    """Lines that say where the library does not return what the observations say of rectify."""
    wrong = []
    for name, of in seen.items():
        for function, each in of["functions"].items():
            for row in each["differs"]:
                got = ours(library, each["relu"], row)
                if got != row[OURS]:
                    wrong.append(f"rectify, beside {name}, {function}: the page says {said(row)}; the library returns {got}")
    return wrong


def ours(library, relu, row):
    dtype = row[TYPES].split()[0]
    x = encode([number(row[X])], dtype)
    if row[QUANTITY] == "y":
        result = library.forward(relu, x)
    else:
        result = library.backward(relu, encode([number(row[DY])], dtype), x)
    return text(decode(result, dtype)[0], dtype)

