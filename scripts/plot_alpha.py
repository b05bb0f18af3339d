#!/usr/bin/env python3
"""Draws a run of tune_alpha: accuracy and loss by alpha, and the loss after each epoch. Needs matplotlib.

Usage: scripts/plot_alpha.py JSON OUT.svg     JSON is what tune_alpha --json wrote; OUT may also end in .png or .pdf.
"""
import json
import sys
from statistics import fmean, stdev

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

LEARNED = {"learned, per layer": "#c0392b", "learned, per channel": "#e67e22"}


def complete_rows(report):
    """Rows without runs that diverged: fixed alphas in ascending order, then learned ones. Each gets its colour."""
    rows = [row for row in report["rows"] if row["diverged_runs"] == 0]
    fixed = sorted((row for row in rows if not row["learned"]), key=lambda row: row["alpha"])
    colours = matplotlib.colormaps["viridis"]
    for place, row in enumerate(fixed):
        row["colour"] = colours(0.92 * place / max(len(fixed) - 1, 1))
    learned = [row for row in rows if row["learned"]]
    for row in learned:
        row["colour"] = LEARNED[row["name"]]
    return fixed + learned


def by_alpha(axes, rows, figures, title, factor):
    """Mean and standard deviation of each alpha, and each run as a faint point. Alphas have equal distances, because 0 and 0.01
    would be one point of a linear axis."""
    for place, row in enumerate(rows):
        values = [factor * value for value in row[figures]]
        axes.scatter([place + 0.22] * len(values), values, s=10, color=row["colour"], alpha=0.35, linewidths=0)
        axes.errorbar(place, fmean(values), stdev(values), fmt="o", color=row["colour"], markersize=6, elinewidth=2, capsize=3)
    axes.set_xticks(range(len(rows)), [row["name"].replace("learned, per ", "per\n") for row in rows])
    axes.margins(y=0.1)
    first_learned = next((place for place, row in enumerate(rows) if row["learned"]), None)
    if first_learned is not None:
        axes.axvline(first_learned - 0.5, color="#bbbbbb", linewidth=0.8)
        axes.text(first_learned - 0.4, 0.98, "learned", transform=axes.get_xaxis_transform(), va="top", color="#555555")
    axes.set_title(title, loc="left", fontweight="bold", pad=10)


def by_epoch(axes, rows):
    for row in rows:
        losses = [epoch["loss"] for epoch in row["epochs"]]
        axes.plot(range(1, len(losses) + 1), losses, color=row["colour"], linewidth=1.8, label=row["name"],
                  linestyle="--" if row["learned"] else "-")
    axes.set_xticks(range(1, len(rows[0]["epochs"]) + 1))
    axes.set_xlabel("epoch")
    axes.set_title("Loss on held-out images after each epoch", loc="left", fontweight="bold", pad=10)
    axes.legend(title="alpha", loc="upper left", bbox_to_anchor=(1.01, 1.03), frameon=False)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    rows = complete_rows(report)
    if not rows:
        sys.exit(f"{sys.argv[1]}: there is nothing to draw: no alpha is without a run that diverged")
    pyplot.rcParams.update({"font.size": 10, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False,
                            "axes.grid": True, "axes.grid.axis": "y", "grid.color": "#e4e4e4", "axes.axisbelow": True,
                            "svg.fonttype": "none", "svg.hashsalt": "tune_alpha", "font.family": "sans-serif",
                            "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"]})
    figure = pyplot.figure(figsize=(12, 8), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.05])
    left, right = top.subplots(1, 2)
    runs = len(rows[0]["losses"])
    by_alpha(left, rows, "accuracies", "Accuracy in % on held-out images, by alpha", 100)
    by_alpha(right, rows, "losses", "Loss on held-out images, by alpha", 1)
    by_epoch(bottom.subplots(), rows)
    diverged = ", ".join(row["name"] for row in report["rows"] if row["diverged_runs"] > 0)
    left_out = f" Not drawn, because a run diverged: {diverged}." if diverged else ""
    top.supxlabel(f"Large points are means over {runs} runs, bars one standard deviation, faint points the runs.{left_out}",
                  fontsize=10)
    figure.savefig(sys.argv[2], metadata={"Date": None} if sys.argv[2].endswith(".svg") else None)


main()
