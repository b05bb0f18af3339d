"""Draws the picture of a run as SVG: a bar for every op in f32 and bf16, in percent of a copy, and a mark for each peer.

It uses no plotting library, so that every machine makes the same file.
"""

from html import escape

from figures import PEERS
from pages import distinct

WIDTH, LEFT, RIGHT, TOP = 900, 210, 110, 92
BAR, GAP, GROUP_GAP = 9, 2, 11
MOST = 1.10  # end of the axis, as a fraction of a copy
COLOURS = {"f32": "#1f4e8c", "bf16": "#86b3e0"}
MARKS = {
    "torch eager": ("circle", "#d9480f"),
    "torch.compile": ("diamond", "#2b8a3e"),
    "triton": ("triangle", "#8a6d00"),
    "cub::DeviceTransform": ("square", "#862e9c"),
}
FONTS = "Helvetica, Arial, sans-serif"
INK, QUIET, LINES = "#1b1f24", "#57606a", "#d8dee4"


def draw(rows, title):
    """SVG text, or None if no op was measured at 1 GiB."""
    ops = distinct(op for op, dtype in rows.large if dtype in COLOURS)
    if not ops:
        return None
    ops.sort(key=lambda op: -mean([rows.large[op, dtype]["of_ceiling"] for dtype in COLOURS if (op, dtype) in rows.large]))
    group = 2 * BAR + GAP + GROUP_GAP
    height = TOP + len(ops) * group + 34
    seen = [who for who in MARKS if any(rows.ratio(op, dtype, who) for op in ops for dtype in COLOURS)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="{FONTS}" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *heading(title, seen),
        *axis(height),
    ]
    for at, op in enumerate(ops):
        parts += bars_of(rows, op, TOP + at * group, seen)
    return "\n".join([*parts, "</svg>"]) + "\n"


def mean(values):
    return sum(values) / len(values)


def x_of(fraction):
    return LEFT + (WIDTH - LEFT - RIGHT) * min(fraction, MOST) / MOST


def text(x, y, content, colour=INK, **more):
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{attributes}>{escape(content)}</text>'


def heading(title, seen):
    yield text(
        16, 24, "Speed of each op on tensors of 1 GiB, as percent of a copy of as many bytes", font_size=16, font_weight="bold"
    )
    yield text(16, 43, title, QUIET, font_size=12)
    x = 16
    for dtype, colour in COLOURS.items():
        yield f'<rect x="{x}" y="56" width="22" height="{BAR}" fill="{colour}"/>'
        yield text(x + 28, 65, f"rectify, {dtype}", QUIET, font_size=12)
        x += 130
    for who in seen:
        yield mark(who, x + 6, 60.5)
        yield text(x + 17, 65, PEERS[who], QUIET, font_size=12)
        x += 40 + 7 * len(PEERS[who])


def axis(height):
    for tenth in range(0, 101, 25):
        x = x_of(tenth / 100)
        yield f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 28}" stroke="{QUIET if tenth == 100 else LINES}"/>'
        yield text(x, height - 12, f"{tenth} %", QUIET, text_anchor="middle", font_size=12)
    yield text(WIDTH - 16, TOP - 12, "f32 / bf16", QUIET, text_anchor="end", font_size=12)


def bars_of(rows, op, y, seen):
    yield text(LEFT - 10, y + BAR + GAP + 3, op, text_anchor="end")
    figures = []
    for at, (dtype, colour) in enumerate(COLOURS.items()):
        row = rows.large.get((op, dtype))
        figures.append(f"{100 * row['of_ceiling']:.0f}" if row else "-")
        if row is None:
            continue
        top = y + at * (BAR + GAP)
        yield f'<rect x="{LEFT}" y="{top}" width="{x_of(row["of_ceiling"]) - LEFT:.1f}" height="{BAR}" fill="{colour}"/>'
        for who in seen:
            ratio = rows.ratio(op, dtype, who)
            if ratio:
                yield mark(who, x_of(row["of_ceiling"] / ratio), top + BAR / 2)
    yield text(WIDTH - 16, y + BAR + GAP + 3, " / ".join(figures), text_anchor="end", font_size=12)


def mark(who, x, y, r=4.5):
    shape, colour = MARKS[who]
    style = f'fill="{colour}" stroke="#ffffff" stroke-width="1.2"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" {style}/>'
    corners = {
        "diamond": [(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)],
        "triangle": [(0, -5), (5, 4), (-5, 4)],
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
    }[shape]
    return f'<polygon points="{" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)}" {style}/>'
