"""The table of peers beside rectify."""

from pages import distinct, plain, table


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
