#!/usr/bin/env python3
"""Draws docs/images/presets.svg: value and slope of the common presets. Needs only Python.

Usage: scripts/plot_presets.py [FILE]
"""
import sys
from math import inf

# The call, a note for the picture, and the three parameters.
PRESETS = [
    ("relu()", "all systems", 0, 0, inf),
    ("torch::leaky_relu()", "PyTorch, JAX, ONNX: alpha 0.01", 0.01, 0, inf),
    ("tf::leaky_relu()", "tf.nn: alpha 0.2", 0.2, 0, inf),
    ("keras::leaky_relu()", "Keras's layer: alpha 0.3", 0.3, 0, inf),
    ("relu6()", "max_value 6", 0, 0, 6),
    ("keras::thresholded_relu()", "threshold 1: a jump", 0, 1, inf),
    ("keras::relu(0.1, 6, 1)", "all three parameters", 0.1, 1, 6),
    ("leaky_relu(-1)", "alpha -1: |x|", -1, 0, inf),
]
LOW, HIGH = -4, 8  # the range of x; that of y is -2 to 8
WIDTH, HEIGHT, LEFT, TOP, GAP_X, GAP_Y = 190, 150, 40, 60, 225, 245


def kinks(threshold, max_value):
    """The values of x at which the pieces of the function meet, and the ends of the picture."""
    return sorted({LOW, threshold, min(max_value, HIGH), HIGH})


def piece(alpha, threshold, max_value, x):
    """The line of the value through x, and its slope: the definition in relu.hpp, for an x that is not at a kink."""
    if not x > threshold:
        return lambda t: alpha * (t - threshold), alpha
    if max_value < inf and x >= max_value:
        return lambda t: max_value, 0
    return lambda t: t, 1


def panel(index, name, note, alpha, threshold, max_value):
    left, top = LEFT + index % 4 * GAP_X, TOP + index // 4 * GAP_Y
    sx = lambda x: left + (x - LOW) / (HIGH - LOW) * WIDTH
    sy = lambda y: top + HEIGHT - (y + 2) / 10 * HEIGHT
    out = [f'<text x="{left}" y="{top - 30}" class="title">{name}</text>', f'<text x="{left}" y="{top - 12}">{note}</text>']
    for tick in (0, 4, 8):
        out.append(f'<text x="{left - 6}" y="{sy(tick) + 4:.1f}" text-anchor="end">{tick}</text>')
        out.append(f'<text x="{sx(tick):.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{tick}</text>')
        out.append(f'<path d="M{left} {sy(tick):.1f}H{left + WIDTH}M{sx(tick):.1f} {top}V{top + HEIGHT}" stroke="#e4e4e4"/>')
    out.append(f'<path d="M{left} {sy(0):.1f}H{left + WIDTH}M{sx(0):.1f} {top}V{top + HEIGHT}" stroke="#999"/>')
    ends = kinks(threshold, max_value)
    for a, b in zip(ends, ends[1:]):
        value, slope = piece(alpha, threshold, max_value, (a + b) / 2)
        out.append(f'<path d="M{sx(a):.1f} {sy(slope):.1f}H{sx(b):.1f}" class="slope"/>')
        out.append(f'<path d="M{sx(a):.1f} {sy(value(a)):.1f}L{sx(b):.1f} {sy(value(b)):.1f}" class="value"/>')
    return out


def main():
    file = sys.argv[1] if len(sys.argv) > 1 else "docs/images/presets.svg"
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 540" width="920" height="540">',
           '<style>text{font:12px sans-serif;fill:#333}.title{font:bold 13px monospace}'
           '.value{stroke:#21618c;stroke-width:2.5;fill:none}.slope{stroke:#d35400;stroke-width:1.8;fill:none;stroke-dasharray:5 3}'
           '</style>', '<rect width="100%" height="100%" fill="white"/>']
    for index, preset in enumerate(PRESETS):
        out += panel(index, *preset)
    out.append('<path d="M40 520h30" class="value"/><text x="78" y="524">value</text>'
               '<path d="M140 520h30" class="slope"/><text x="178" y="524">slope (at a kink: the slope of the lower piece)</text></svg>')
    with open(file, "w", encoding="utf-8") as to:
        to.write("\n".join(out) + "\n")


main()
