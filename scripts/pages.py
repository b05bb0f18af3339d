"""Markdown pages of which scripts write parts: marked regions, tables, wrapped text, numbers as text, and what each op does.

A region NAME is everything between the lines '<!-- NAME: begin -->' and '<!-- NAME: end -->'. No other part of a page is changed.
"""

import re
import textwrap

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
WHAT = {
    "forward": "y from x",
    "backward": "dx from dy and x",
    "forward_mask": "y and a mask of one bit",
    "backward_mask": "dx from dy and the mask",
    "bias_forward": "a bias of 1,024 along rows",
    "bias_forward_nchw": "a bias of 64 in NCHW, 28 x 28",
    "bias_backward": "dx from dy, x and the bias, along rows",
    "residual_forward": "y from x + residual",
    "residual_backward_mask": "dx and dresidual from the mask",
    "scale_bias_forward": "scale and bias along rows",
    "prelu_forward": "an alpha of 1,024 along rows",
    "prelu_backward": "dx, an alpha of 1,024 along rows",
    "models_forward": "one x under 8 alphas",
    "bias_backward_dbias": "dx and dbias, along rows",
    "bias_backward_dbias_nchw": "dx and dbias in NCHW, 28 x 28",
    "bias_backward_dbias_mask": "dx and dbias from a mask",
    "scale_bias_backward": "dx, dscale and dbias, along rows",
    "prelu_backward_dalpha": "dx and dalpha, along rows",
    "all_sums": "dx and all five sums",
    "bias_gain_forward": "a bias of 1,024 along rows, and a gain",
    "bias_gain_backward_y": "dx and dbias from y, a bias and a gain",
    "accumulate_dbias": "dx, and dbias added to its tensor",
}


# Regions ------------------------------------------------------------------------------------------------------------


def begin_of(name):
    return f"<!-- {name}: begin -->"


def end_of(name):
    return f"<!-- {name}: end -->"


def has_region(text, name):
    begin, end = begin_of(name), end_of(name)
    return text.count(begin) == 1 and text.count(end) == 1 and text.index(begin) < text.index(end)


def region(text, name):
    """What stands between the markers of a region, which `text` must have."""
    return text.partition(begin_of(name))[2].partition(end_of(name))[0]


def filled(text, name, made_by, lines):
    """`text` with these lines in the region, below a comment on who wrote them."""
    before, _, rest = text.partition(begin_of(name))
    body = "\n".join(lines).strip()
    content = f"<!-- {made_by} -->\n\n{body}\n\n" if body else f"<!-- {made_by} -->\n"
    return before + begin_of(name) + "\n" + content + end_of(name) + rest.partition(end_of(name))[2]


def without_regions(text):
    """`text` without the regions, whatever their names, and with as many lines as before."""
    return re.sub(
        r"<!-- ([\w-]+): begin -->.*?<!-- \1: end -->", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL
    )


# Text ---------------------------------------------------------------------------------------------------------------


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]
    return lines if rows else []


def paragraph(text):
    """Wraps text to the width of a page. No line ends between a number and its unit."""
    joined = re.sub(r"(\d) (%|[GMK]iB|GB/s)", "\\1\0\\2", text)
    return [line.replace("\0", " ") for line in textwrap.wrap(joined, 130, break_long_words=False, break_on_hyphens=False)]


def sentence(text):
    return text[:1].upper() + text[1:]


def percent(fraction):
    return f"{100 * fraction:.0f} %"


def plain(number):
    """Formats a count, a time or a ratio with at least three digits."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def size_text(count):
    """A size in the largest unit that it reaches, or almost reaches: 256 MiB is the text for 255 MiB and a half, too."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= 0.98 * unit:
            return f"{count / unit:.0f} {name}"
    return f"{count} B"


def distinct(values):
    return list(dict.fromkeys(values))
