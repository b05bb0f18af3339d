"""What people read of networks that were trained in turns: torch.nn's activations, rectify's, and those with masks."""

import statistics


def print_row(title: str, cells) -> None:
    print(f"{title:32}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def report(results: dict) -> None:
    columns = list(results.values())
    print()
    print_row("accuracy, %", [f"{100 * column['accuracy']:.2f}" for column in columns])
    print_row("median of a step, ms", [f"{statistics.median(warm(column)):.2f}" for column in columns])
    print_row("kept for backward, MiB", [f"{column['kept_bytes'] / 2**20:.2f}" for column in columns])
    if columns[0]["peak_bytes"] is not None:
        print_row("peak of a step, MiB", [f"{column['peak_bytes'] / 2**20:.2f}" for column in columns])
    print()
    print("\n".join(conclusions(*columns)))


def warm(column: dict) -> list[float]:
    """The times without those of the first steps, in which libraries load and memory is allocated."""
    times = column["milliseconds"]
    return times[min(10, len(times) // 2) :]


def conclusions(own: dict, ours: dict, masked: dict) -> list[str]:
    difference = max(abs(a - b) for other in (ours, masked) for a, b in zip(own["losses"], other["losses"]))
    losses = f"differ by up to {difference:.2g}" if difference else "equal bit for bit"
    return [
        f"Losses of {len(own['losses'])} steps: {losses}",
        "Kept for backward: rectify " + change(ours["kept_bytes"], own["kept_bytes"]) + " torch.nn; with save=\"mask\" "
        + change(masked["kept_bytes"], ours["kept_bytes"]) + " without"
        + ("" if masked["kept_bytes"] < ours["kept_bytes"] else ", so the mask does not pay in this network"),
        "Time of a step, rectify: " + pace(ours, own),
        "Time of a step, with a mask: " + pace(masked, own),
    ]  # fmt: skip


def change(bytes_: int, of: int) -> str:
    percent = 100 * (1 - bytes_ / of)
    return f"{abs(percent):.0f} % {'less' if percent >= 0 else 'more'} than"


def pace(column: dict, own: dict) -> str:
    """The median of the ratios of steps that were neighbours. Where half of them lie decides what can be said."""
    ratios = sorted(a / b for a, b in zip(warm(column), warm(own)))
    low, middle, high = (ratios[int(share * (len(ratios) - 1))] for share in (0.25, 0.5, 0.75))
    verdict = "no difference beyond noise" if low <= 1 <= high else "faster" if high < 1 else "slower"
    return f"{middle:.2f} of torch.nn's (half of them {low:.2f} to {high:.2f}: {verdict})"
