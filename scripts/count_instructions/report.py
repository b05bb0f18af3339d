"""Writes figures as tables."""

COLUMNS = [
    ("instructions", "instructions_per_element", "{:.1f}"),
    ("PTX", "ptx_per_element", "{:.1f}"),
    ("bytes", "useful_bytes_per_element", "{:.3g}"),
    ("moved", "moved_bytes_per_element", "{:.3g}"),
    ("issue %", "issue_percent", "{:.0f}"),
    ("registers", "registers", "{}"),
    ("in flight, KiB", "in_flight_kib", "{:.0f}"),
    ("second pass %", "second_pass_percent", "{:.2f}"),
    ("its bytes %", "second_pass_bytes_percent", "{:.2f}"),
]
COMPARED = [
    ("instructions", "instructions_per_element", "{:.1f}"),
    ("issue %", "issue_percent", "{:.0f}"),
    ("in flight, KiB", "in_flight_kib", "{:.0f}"),
    ("second pass %", "second_pass_percent", "{:.2f}"),
]


def _written(row, key, form):
    return form.format(row[key]) if key in row else ""


def _cells(rows):
    yield ["op", "shape", "dtype", *(title for title, _, _ in COLUMNS)]
    for row in rows:
        yield [row["op"], row["layout"], row["dtype"], *(_written(row, key, form) for _, key, form in COLUMNS)]


def _markdown(lines):
    head, *rest = lines
    ruler = ["---"] * 3 + ["---:"] * (len(head) - 3)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ruler, *rest])


def markdown(rows):
    return _markdown(list(_cells(rows)))


def plain(rows):
    """A table of figures, in aligned columns."""
    lines = list(_cells(rows))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = ([text.ljust(w) if i < 3 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths))] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def comparison(before, after):
    """A table of each figure before and after, with a row for each op and shape; a cell has all dtypes."""

    def by_name(rows):
        found = {}
        for row in rows:
            found.setdefault((row["op"], row["layout"]), {})[row["dtype"]] = row
        return found

    def cell(rows, key, form):
        return " / ".join(_written(rows.get(dtype, {}), key, form) for dtype in dtypes).strip(" /")

    dtypes = list(dict.fromkeys(row["dtype"] for row in after))
    old, new = by_name(before), by_name(after)
    lines = [["op", "shape", "dtype"]]
    for title, _, _ in COMPARED:
        lines[0] += [f"{title}, before", "after"]
    for name in [*new, *(name for name in old if name not in new)]:
        cells = [*name, " / ".join(dtypes)]
        for _, key, form in COMPARED:
            cells += [cell(old.get(name, {}), key, form), cell(new.get(name, {}), key, form)]
        lines.append(cells)
    return _markdown(lines)
