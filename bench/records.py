#!/usr/bin/env python3
"""Reads the records of rectify-bench (JSON files of schema rectify-bench/3) in bench/results/<machine>, and finds what is wrong in them.

Usage: bench/records.py name <INFO.json     the name of a folder for the machine in the output of rectify-bench info --json
"""

import hashlib
import json
import re
import sys
import time
from pathlib import Path

SCHEMA = "rectify-bench/3"
PARTS = {
    "ops": "every op",
    "peers": "every op beside other libraries",
    "sizes": "three ops, from small tensors to large ones",
    "small": "tensors so small that the cost of a call counts, beside other libraries",
}
FILE_NAME = re.compile(rf"({'|'.join(PARTS)})(-\w+)?\.json")
OUTCOMES = ("us", "failed", "absent", "skipped")
FIGURES = ("us_p10", "us_p90", "bytes", "gbps", "ceiling_us", "of_ceiling", "noise", "elements", "tensor_bytes", "mode")
PEERS = ("loop", "Eigen", "oneDNN", "PyTorch")  # in the order of columns; others follow
TOO_FAST = 1.03  # of the ceiling: above, the measurement is at fault
ITEM_BYTES = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}


class Problem(Exception):
    """Its text is one line: what is wrong and, if possible, what to do."""


class Record:
    """One file. `part` is what it is about: a name in PARTS. `title` is how texts call it."""

    def __init__(self, path):
        self.title, self.part = path.name, FILE_NAME.fullmatch(path.name)[1]
        try:
            self.data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Problem(f"{path}: {error}") from None
        wrong = faults(self.data)
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise Problem(f"{path}: {wrong[0]}{more}: measure again with bench/measure.sh")
        self.machine, self.settings, self.command = self.data["machine"], self.data["settings"], self.data["command"]
        self.rows = [row for row in self.data["rows"] if "us" in row]
        self.untimed = [row for row in self.data["rows"] if "absent" in row or "failed" in row]

    def of_rectify(self):
        return [row for row in self.rows if row["who"] == "rectify"]

    def of_peers(self):
        """Rows of other libraries that were timed in turn with rectify."""
        return [row for row in self.rows if row["who"] != "rectify" and not row.get("is_ceiling") and "vs_rectify" in row]

    def date(self):
        return time.strftime("%d %B %Y", time.strptime(self.data["date"][:10], "%Y-%m-%d")).lstrip("0")


def paths_in(folder):
    return sorted(path for path in Path(folder).glob("*.json") if FILE_NAME.fullmatch(path.name))


def load(folder):
    """The records of a folder, which must be those of one CPU."""
    folder = Path(folder)
    found = [Record(path) for path in paths_in(folder)]
    if not found:
        raise Problem(f"{folder} has no record: its files are called {', '.join(f'{part}.json' for part in PARTS)}")
    for record in found:
        if record.machine["device"] != "cpu":
            raise Problem(f"{folder / record.title} is of {record.machine['device']}, and the pages have tables of a CPU")
        for field in ("name", "cores", "threads"):
            if record.machine[field] != found[0].machine[field]:
                raise Problem(f"{folder}: {found[0].title} and {record.title} are of different machines or threads")
    return found


def digest(paths):
    """A short hash of the contents of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(Path(path).read_bytes())
    return total.hexdigest()[:16]


def of_part(found, part):
    return [record for record in found if record.part == part]


# What is wrong --------------------------------------------------------------------------------------------------------


def faults(data):
    """What makes the data of a record useless, as a list of texts."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        return [f"its schema is not {SCHEMA}"]
    missing = [name for name in ("command", "date", "machine", "settings", "rows") if not data.get(name)]
    if missing:
        return [f"it has no {missing[0]}"]
    missing = [name for name in ("device", "name", "cores", "threads", "commit") if not data["machine"].get(name)]
    if missing:
        return [f"its machine has no {missing[0]}"]
    found = [] if data.get("complete") is True else ["it is not complete"]
    return found + [f"row {at}: {text}" for at, row in enumerate(data["rows"]) for text in [fault_of_row(row)] if text]


def fault_of_row(row):
    name = f"{row.get('op')} {row.get('dtype')} by {row.get('who')}"
    if sum(outcome in row for outcome in OUTCOMES) != 1:
        return f"{name} has not one of {', '.join(OUTCOMES)}"
    if "failed" in row and row["who"] == "rectify":
        return f"{name} failed: {row['failed']}"
    if "us" not in row:
        return ""
    missing = [field for field in FIGURES if field not in row]
    if missing:
        return f"{name} has no {missing[0]}"
    if not row["us"] > 0 or not row["us_p10"] <= row["us"] <= row["us_p90"]:
        return f"{name}: its times are out of order"
    if not is_near(row["gbps"], row["bytes"] / row["us"] / 1e3):
        return f"{name}: gbps is not bytes / us"
    if not is_near(row["of_ceiling"], row["ceiling_us"] / row["us"]):
        return f"{name}: of_ceiling is not ceiling_us / us"
    return "" if row.get("is_ceiling") or row.get("checked") else f"{name} was not checked"


def is_near(one, other):
    return abs(one - other) <= 0.01 * abs(other)


def faults_of_committed(data):
    """What is missing to tell where the figures come from. Such a record may be looked at, but not committed."""
    found, machine = [], data["machine"]
    if not re.fullmatch(r"[0-9a-f]{7,40}", machine["commit"]):
        found.append(f"its commit is {machine['commit']}, from which it cannot be measured again")
    if "rectify-bench" not in data["command"]:
        found.append("its command is not one of rectify-bench")
    if is_sample(machine):
        found.append("it is a sample, not a measurement")
    return found + [
        f"{row['op']} {row['dtype']} by {row['who']} failed: {row['failed']}" for row in data["rows"] if "failed" in row
    ]


def is_sample(machine):
    return "SAMPLE" in machine["name"].upper()


def too_fast(row):
    return row.get("of_ceiling", 0) > TOO_FAST


# Names ----------------------------------------------------------------------------------------------------------------


def short_name(machine):
    """A name for a folder: AMD EPYC with 2 cores is epyc-2-cores."""
    name = re.sub(r"\((R|TM)\)|@.*|\b\d+(st|nd|rd|th) Gen\b|\b\d+-Core\b", " ", machine["name"], flags=re.IGNORECASE)
    words = [word for word in re.findall(r"[a-z0-9]+", name.lower()) if word not in ("intel", "amd", "cpu", "processor", "with")]
    return "-".join([*(words or ["cpu"]), str(machine["cores"]), "core" if machine["cores"] == 1 else "cores"])


def main():
    if sys.argv[1:] != ["name"]:
        sys.exit(__doc__)
    try:
        told = json.load(sys.stdin)
        print(short_name(told.get("machine", told)))
    except (ValueError, KeyError, AttributeError, TypeError):
        sys.exit("records.py: this is not what rectify-bench info --json prints; give measure.sh a NAME instead")


if __name__ == "__main__":
    main()
