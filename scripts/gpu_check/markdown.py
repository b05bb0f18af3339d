"""Tables in Markdown, and numbers as text."""

GIB = 1 << 30


def percent(fraction):
    return f"{100 * fraction:.0f} %"


def plain(number):
    """Formats a count, a time or a ratio with at least three digits."""
    return (
        f"{number:,.0f}"
        if number >= 1000
        else f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
    )


def size_text(count):
    for unit, name in ((GIB, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= 0.98 * unit:
            return f"{count / unit:.0f} {name}"
    return f"{count} B"


def distinct(values):
    return list(dict.fromkeys(values))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]
    return lines if rows else []


def versus_table(found):
    """A table of microseconds of rectify, and of the time of each peer as a multiple of them, f32 / bf16.

    `found`: (op, size) -> dtype -> who -> (us, ratio)."""
    peers = distinct(who for by_dtype in found.values() for by_who in by_dtype.values() for who in by_who if who != "rectify")

    def cell(by_dtype, who, text):
        pairs = [by_dtype.get(dtype, {}).get(who) for dtype in ("f32", "bf16")]
        return " / ".join(text(pair) if pair else "-" for pair in pairs) if any(pairs) else ""

    body = [
        [
            *key,
            cell(by_dtype, "rectify", lambda pair: plain(pair[0])),
            *(cell(by_dtype, who, lambda pair: f"{pair[1]:.2f}") for who in peers),
        ]
        for key, by_dtype in found.items()
        if any("rectify" in by_who and len(by_who) > 1 for by_who in by_dtype.values())
    ]
    return table(["op", "tensor", "rectify, us", *peers], body)
