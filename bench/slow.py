"""The list of cases in which rectify is slow on the CPU, as Markdown: below 90 % of the ceiling, or slower than a peer.

A peer that is slower than rectify only counts in the totals; one that is faster is named with its ratio.
"""

from pages import distinct, paragraph, percent, size_text
from records import PARTS, PEERS, too_fast

GOOD = 0.90  # of the ceiling
EQUAL = 0.005  # ratios this close to 1 are printed as 1.00
MOST_SIZES = 2  # of an op and dtype that are listed one by one; more become a range


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
    """Each case once: files may have measured the same one, and the first file counts."""
    cases = {}
    for record in found:
        for row in record.of_rectify():
            cases.setdefault((row["op"], row["dtype"], row["tensor_bytes"], row["mode"]), row)
    below = sorted((row for row in cases.values() if round(row["of_ceiling"], 2) < GOOD), key=lambda row: row["of_ceiling"])
    if not below:
        return bullet(f"All {len(cases)} cases reach {percent(GOOD)} of the ceiling.")
    told = bullet(f"{len(below)} of {len(cases)} cases stay below {percent(GOOD)} of the ceiling, slowest op first:")
    for op in distinct(row["op"] for row in below):
        mine = [row for row in below if row["op"] == op]
        groups = distinct((row["dtype"], row["mode"]) for row in mine)
        texts = [text for dtype, mode in groups for text in texts_of(mine, dtype, mode)]
        told += ["  " + line for line in bullet(f"{op}: {'; '.join(texts)}.")]
    return told


def texts_of(below, dtype, mode):
    """The slow cases of an op in a dtype and mode, or their range if there are many."""
    rows = sorted((row for row in below if (row["dtype"], row["mode"]) == (dtype, mode)), key=lambda row: row["tensor_bytes"])
    if len(rows) <= MOST_SIZES:
        return [f"{where(row)}, {percent(row['of_ceiling'])}" for row in rows]
    worst, best = (pick(rows, key=lambda row: row["of_ceiling"])["of_ceiling"] for pick in (min, max))
    ends = f"{size_text(rows[0]['tensor_bytes'])} to {size_text(rows[-1]['tensor_bytes'])} {mode}"
    return [f"{dtype}, {len(rows)} sizes of {ends}, {percent(worst)} to {percent(best)}"]


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
