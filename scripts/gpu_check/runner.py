"""Runs the steps of a check: each under a time budget, each result on disk when its step ends."""
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Step:
    """A command. `rows`: its stdout is measured rows, one JSON object a line, and goes to rows.jsonl as it comes."""
    part: str
    name: str
    argv: list
    seconds: float
    env: dict = field(default_factory=dict)
    rows: bool = False
    after: object = None  # called with the step's Outcome when it has ended, to bring its results into OUT


@dataclass
class Outcome:
    step: Step
    status: str  # passed, failed, cut, absent
    seconds: float
    detail: str = ""


class Runner:
    """`out` is the folder that comes back, `deadline` the time.monotonic() at which all must have ended."""

    def __init__(self, out, scratch, deadline):
        self.out, self.scratch, self.deadline = Path(out), Path(scratch), deadline
        self.outcomes = []

    def remaining(self):
        return self.deadline - time.monotonic()

    def together(self, steps):
        """All at once; for steps that are not timed themselves."""
        running = [self._start(step) for step in steps]
        for one in running:
            self._finish(one)

    def alone(self, steps):
        """One after the other, each with the machine to itself."""
        for step in steps:
            self._finish(self._start(step))

    def _start(self, step):
        log = self.scratch / f"{step.part}.{step.name}.txt".replace("/", "_").replace(" ", "_")
        budget = min(step.seconds, self.remaining())
        if budget < 1:
            return step, None, log, 0.0, time.monotonic(), "no time was left"
        output = open(self.out / "rows.jsonl", "ab") if step.rows else open(log, "wb")
        errors = open(log, "wb") if step.rows else subprocess.STDOUT
        begin = time.monotonic()
        try:
            process = subprocess.Popen([str(word) for word in step.argv], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                       env={**os.environ, **step.env}, start_new_session=True)
        except OSError as error:
            return step, None, log, budget, begin, f"{step.argv[0]}: {error.strerror}"
        finally:
            output.close()
            if step.rows:
                errors.close()
        return step, process, log, budget, begin, ""

    def _finish(self, running):
        step, process, log, budget, begin, problem = running
        if process is None:
            outcome = Outcome(step, "cut" if problem == "no time was left" else "absent", 0.0, problem)
        else:
            code, was_cut = self._wait(process, begin + budget)
            seconds = time.monotonic() - begin
            status = "cut" if was_cut else "passed" if code == 0 else "failed"
            detail = f"after {budget:.0f} s" if was_cut else "" if code == 0 else f"exit code {code}"
            outcome = Outcome(step, status, seconds, detail)
        if step.after is not None:
            try:
                step.after(outcome, log)
            except Exception as error:  # a result that cannot be read must not end the run
                outcome.status, outcome.detail = "failed", f"{type(error).__name__}: {error}"
        self._append_log(outcome, log)
        self.outcomes.append(outcome)
        print(f"{outcome.status:7} {outcome.seconds:6.1f} s  {step.part}: {step.name}  {outcome.detail}", flush=True)

    @staticmethod
    def _wait(process, until):
        """The exit code, and whether the step was cut: asked to stop first, so that it may write what it has."""
        for signal_sent, grace in ((None, until - time.monotonic()), (signal.SIGINT, 4.0), (signal.SIGKILL, 10.0)):
            if signal_sent is not None:
                try:
                    os.killpg(process.pid, signal_sent)
                except ProcessLookupError:
                    pass
            try:
                return process.wait(max(grace, 0.01)), signal_sent is not None
            except subprocess.TimeoutExpired:
                continue
        return -9, True

    def _append_log(self, outcome, log):
        """To the one log of its part, shortened: what passed says little, what failed all that fits."""
        text = log.read_text(errors="replace") if log.exists() else ""
        most = 2_000 if outcome.status == "passed" else 60_000
        if len(text) > most:
            text = text[:most // 2] + f"\n[... {len(text) - most} characters left out ...]\n" + text[-most // 2:]
        command = " ".join(str(word) for word in outcome.step.argv).replace(str(self.scratch), "")
        with open(self.out / "log.txt", "a") as to:
            to.write(f"== {outcome.step.part}: {outcome.step.name}: {outcome.status} {outcome.detail} in {outcome.seconds:.1f} s\n"
                     f"   {command}\n{text}\n")
