"""Runs the steps of a check. Each has a time budget, and its result is on disk when it ends."""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from problem import of_os_error

POLL_SECONDS = 0.02
SIGTERM_GRACE, SIGKILL_GRACE = 4.0, 3.0  # seconds; SIGTERM comes first, so that a step can write what it has


@dataclass
class Step:
    """A command. `after(outcome, output)` is called when it has ended, to judge it and to put its results into OUT."""

    part: str
    name: str
    argv: list
    seconds: float  # its budget
    env: dict = field(default_factory=dict)
    after: object = None
    expected: float = 0.0  # seconds; of steps that run together, the longest start first
    absent: str = ""  # if it is known that it cannot run: why


@dataclass
class Outcome:
    step: Step
    status: str  # passed, failed, cut, absent
    seconds: float = 0.0
    detail: str = ""
    begin: float = 0.0  # seconds after the run began

    def record(self):
        return {
            "name": self.step.name,
            "part": self.step.part,
            "status": self.status,
            "seconds": round(self.seconds, 1),
            "begin": round(self.begin, 1),
            "detail": self.detail,
        }


class Running:
    """The process of a step, until it ends or is cut."""

    def __init__(self, step, process, output, budget):
        self.step, self.process, self.output, self.budget = step, process, output, budget
        self.begin = time.monotonic()
        self.until, self.signals = self.begin + budget, [(signal.SIGTERM, SIGTERM_GRACE), (signal.SIGKILL, SIGKILL_GRACE)]

    def outcome(self):
        """Returns the outcome, or None while it runs. A step over its budget gets SIGTERM, then SIGKILL; both are 'cut'."""
        code, seconds, was_cut = self.process.poll(), time.monotonic() - self.begin, len(self.signals) < 2
        if code is None and time.monotonic() < self.until:
            return None
        if code is None and self.signals:
            number, grace = self.signals.pop(0)
            self.send(number)
            self.until = time.monotonic() + grace
            return None
        self.send(signal.SIGKILL)  # for processes that it started and left behind
        if was_cut or code is None:
            return Outcome(self.step, "cut", seconds, f"after {self.budget:.0f} s")
        return Outcome(self.step, status_of(code), seconds, "" if code == 0 else describe_exit(code))

    def send(self, number):
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


ENDED_EARLY = tuple(128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))


def status_of(code):
    """rectify's programs exit with 77 without a device or anything to run, and with 128 + the signal that ended them early."""
    return "passed" if code == 0 else "absent" if code == 77 else "cut" if code in ENDED_EARLY else "failed"


def describe_exit(code):
    if code in ENDED_EARLY:
        code = 128 - code
    return f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"


def last_line(output):
    """The last line that a step printed, which is often why it failed."""
    said = [line.strip() for line in output.read_text(errors="replace").split("\n") if line.strip()]
    return f": {said[-1][:100]}" if said else ""


class Runner:
    """`out` is the folder of results; `scratch` is removed afterwards. All steps end before time.monotonic() reaches `deadline`."""

    def __init__(self, out, scratch, deadline):
        self.out, self.scratch, self.deadline = Path(out), Path(scratch), deadline
        self.began, self.outcomes, self.running = time.monotonic(), [], []

    def alone(self, steps):
        """Runs steps one at a time, each with the machine to itself."""
        self.together(steps, 1, ordered=True)

    def together(self, steps, at_most, seconds=float("inf"), ordered=False):
        """Runs at most `at_most` steps at a time, those expected to take longest first. None starts or ends after `seconds`."""
        deadline = min(self.deadline, time.monotonic() + seconds)
        waiting = list(steps) if ordered else sorted(steps, key=lambda step: -step.expected)
        while waiting or self.running:
            while waiting and len(self.running) < at_most:
                self._start(waiting.pop(0), deadline)
            for each in list(self.running):
                outcome = each.outcome()
                if outcome is not None:
                    self.running.remove(each)
                    self._end(outcome, each.output, each.begin)
            time.sleep(POLL_SECONDS if self.running else 0)

    def stop(self):
        """Kills all steps that run, because a signal or a problem ends the run."""
        for each in self.running:
            each.send(signal.SIGKILL)
        for each in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):  # some of its temporary files can then not be removed
                each.process.wait(SIGKILL_GRACE)

    def append(self, name, text):
        """Appends to a file in OUT. A full disk ends the run, because no later result could be kept."""
        try:
            with open(self.out / name, "a") as to:
                to.write(text)
        except OSError as error:
            raise of_os_error(error, self.out / name) from None

    def _start(self, step, deadline):
        output = self.scratch / f"output.{len(self.outcomes)}.{len(self.running)}.{time.monotonic_ns()}.txt"
        now = time.monotonic()
        left = deadline - SIGTERM_GRACE - SIGKILL_GRACE - now
        budget = min(step.seconds, left)
        if step.absent:
            return self._end(Outcome(step, "absent", detail=step.absent), output, now)
        if left < 0.5:
            return self._end(Outcome(step, "cut", detail="no time was left"), output, now)
        try:
            with open(output, "wb") as to:
                process = subprocess.Popen(
                    [str(word) for word in step.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=to,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **step.env},
                    start_new_session=True,
                )
        except OSError as error:
            return self._end(Outcome(step, "absent", detail=f"{Path(step.argv[0]).name}: {error.strerror}"), output, now)
        self.running.append(Running(step, process, output, budget))

    def _end(self, outcome, output, begin):
        outcome.begin = begin - self.began
        if outcome.status == "failed" or outcome.detail == "exit code 77":
            outcome.detail += last_line(output)
        if output.exists() and outcome.step.after is not None:  # otherwise it never started
            try:
                outcome.step.after(outcome, output)
            except (ValueError, KeyError, TypeError, IndexError) as error:  # its results cannot be read; the run goes on
                outcome.status, outcome.detail = "failed", f"{type(error).__name__}: {error}"
            except OSError as error:
                raise of_os_error(error, error.filename or self.out) from None
        self.outcomes.append(outcome)
        self._log(outcome, output)
        self._write_steps()
        name = f"{outcome.step.part}: {outcome.step.name}" if outcome.step.name != outcome.step.part else outcome.step.part
        print(f"{outcome.status:7} {outcome.seconds:6.1f} s  {name}  {outcome.detail}".rstrip(), flush=True)

    def _write_steps(self):
        """Writes the file completely or not at all, so that it can be read even if the run is cut at any moment."""
        try:
            new = self.out / "steps.json.new"
            new.write_text("[\n" + ",\n".join(json.dumps(outcome.record()) for outcome in self.outcomes) + "\n]\n")
            new.replace(self.out / "steps.json")
        except OSError as error:
            raise of_os_error(error, self.out / "steps.json") from None

    def _log(self, outcome, output):
        """Logs the output of a step, shortened: less if the step passed."""
        text = output.read_text(errors="replace").rstrip("\n") if output.exists() else ""
        most = 2_000 if outcome.status == "passed" else 60_000
        if len(text) > most:
            text = text[: most // 2] + f"\n[... {len(text) - most} characters left out ...]\n" + text[-most // 2 :]
        command = " ".join(str(word) for word in outcome.step.argv).replace(str(self.scratch), "")
        self.append(
            "log.txt",
            f"== {outcome.step.part}: {outcome.step.name}: {outcome.status} {outcome.detail} in {outcome.seconds:.1f} s\n"
            f"   {command}\n{text}\n",
        )
        output.unlink(missing_ok=True)
