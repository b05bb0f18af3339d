"""The list of cases in which rectify is slow on the CPU, as Markdown: below 90 % of the ceiling, or slower than a peer.

A peer that is slower than rectify only counts in the totals; one that is faster is named with its ratio.
"""

from pages import distinct, paragraph, percent, size_text
from records import PARTS, PEERS, too_fast

GOOD = 0.90  # of the ceiling
EQUAL = 0.005  # ratios this close to 1 are printed as 1.00
LARGE, SMALL = 63 << 20, 1 << 20  # bytes of a tensor


def lines(found):
    ordered = [record for part in PARTS for record in found if record.part == part]
    return [*impossible_lines(ordered), *ceiling_lines(ordered), *peer_lines(ordered)]


def bullet(text):
    first, *rest = paragraph(text)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def impossible_lines(found):
    """Figures that are too good to be true are told first."""
    rows = [row for record in found for row in record.rows if too_fast(row)]
    texts = [f"{row['who']}, {row['op']} {where(row)}, {100 * row['of_ceiling']:.1f} %" for row in rows]
    return bullet("A fault of the measurement, above 103 % of the ceiling: " + "; ".join(texts) + ".") if rows else []


def where(row):
    return f"{row['dtype']}, {size_text(row['tensor_bytes'])} {row['mode']}"


def ceiling_lines(found):
    """A line for each dtype, large and cold or small and hot. Other sizes are in the pictures."""
    told = []
    for mode, is_size in (("cold", lambda size: size >= LARGE), ("hot", lambda size: 0.9 * SMALL < size <= SMALL)):
        for dtype in ("f32", "bf16"):
            cases = {}
            for record in found:
                for row in record.of_rectify():
                    if row["mode"] == mode and row["dtype"] == dtype and is_size(row["tensor_bytes"]):
                        cases.setdefault(row["op"], row)  # the first file that has it counts
            told += slow_ops(f"{dtype}, 64 MiB and more, cold" if mode == "cold" else f"{dtype}, {size_text(SMALL)}, hot", cases)
    return told


def slow_ops(title, cases):
    below = sorted((row for row in cases.values() if round(row["of_ceiling"], 2) < GOOD), key=lambda row: row["of_ceiling"])
    if not cases:
        return []
    if not below:
        return bullet(f"{title}: all {len(cases)} ops reach {percent(GOOD)} of the ceiling.")
    texts = [f"{row['op']} {percent(row['of_ceiling'])}" for row in below]
    return bullet(f"{title}: {len(below)} of {len(cases)} ops stay below {percent(GOOD)} of the ceiling: {', '.join(texts)}.")


def peer_lines(found):
    cases = {}
    for record in found:
        for row in record.of_peers():
            cases.setdefault((row["who"], row["op"], row["dtype"], row["tensor_bytes"], row["mode"]), row)
    if not cases:
        return []
    rows = sorted(cases.values(), key=lambda row: row["vs_rectify"])
    losses = [row for row in rows if row["vs_rectify"] < 1 - EQUAL]
    wins = [row for row in rows if row["vs_rectify"] >= 1 + EQUAL]
    told = bullet(
        f"Beside peers, in {len(rows)} cases: rectify takes less time in {len(wins)}, as much in {len(rows) - len(wins) - len(losses)}, "
        f"more in {len(losses)}." + (" The time of the peer divided by that of rectify, if below 1:" if losses else "")
    )
    for who in sorted(distinct(row["who"] for row in losses), key=lambda who: (*PEERS, who).index(who)):
        texts = [f"{row['op']} {where(row)}, {row['vs_rectify']:.2f}" for row in losses if row["who"] == who]
        told += ["  " + line for line in bullet(f"{who}: {'; '.join(texts)}.")]
    return told
