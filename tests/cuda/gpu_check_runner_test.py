"""The steps of scripts/gpu-check.sh run: their budgets and outcomes."""

import io
import json
import tempfile
import time
import unittest
from contextlib import redirect_stdout
from pathlib import Path

from gpu_check_stand_ins import is_gone

import runner  # in scripts/gpu_check, as those that follow
import steps
from problem import Problem


class Budgets(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.out, self.scratch = Path(holder.name) / "out", Path(holder.name) / "scratch"
        self.out.mkdir()
        self.scratch.mkdir()

    def runner(self, seconds=20):
        return runner.Runner(self.out, self.scratch, time.monotonic() + seconds)

    def step(self, name, script, seconds=5.0, **more):
        return runner.Step("host", name, ["sh", "-c", script], seconds, **more)

    def run_steps(self, steps, at_most=1, seconds=20, ordered=True):
        run = self.runner(seconds)
        with redirect_stdout(io.StringIO()):
            run.together(steps, at_most, ordered=ordered)
        return {outcome.step.name: outcome for outcome in run.outcomes}

    def test_a_step_that_hangs_is_cut_with_all_it_started_and_the_rest_goes_on(self):
        began = time.monotonic()
        outcomes = self.run_steps(
            [
                self.step("hangs", f"trap '' TERM; sleep 30 & echo $! >{self.scratch}/pid; wait; sleep 30", 0.4),
                self.step("next", "true"),
            ]
        )
        self.assertLess(time.monotonic() - began, 8)
        self.assertEqual([outcomes["hangs"].status, outcomes["next"].status], ["cut", "passed"])
        time.sleep(0.2)
        self.assertTrue(is_gone((self.scratch / "pid").read_text().strip()))

    def test_what_a_step_leaves_behind_is_ended(self):
        outcomes = self.run_steps([self.step("leaves", f"sleep 30 & echo $! >{self.scratch}/pid")])
        self.assertEqual(outcomes["leaves"].status, "passed")
        time.sleep(0.1)
        self.assertTrue(is_gone((self.scratch / "pid").read_text().strip()))

    def test_a_step_that_is_cut_may_write_what_it_has(self):
        outcomes = self.run_steps([self.step("asked", "trap 'echo $((6 * 7)) kept; exit 1' TERM; sleep 30 & wait", 0.4)])
        self.assertEqual(outcomes["asked"].status, "cut")
        self.assertIn("42 kept", (self.out / "log.txt").read_text())

    def test_seconds_of_steps_side_by_side_are_their_own(self):
        outcomes = self.run_steps([self.step("long", "sleep 0.8"), self.step("short", "sleep 0.1")], at_most=2)
        self.assertGreater(outcomes["long"].seconds, 0.75)
        self.assertLess(outcomes["short"].seconds, outcomes["long"].seconds - 0.3)
        self.assertLess(outcomes["short"].begin, 0.6)

    def test_no_more_than_so_many_at_a_time_and_the_longest_first(self):
        mark = "echo $(($(ls {0} | wc -l))) >>{1}; touch {0}/$$; sleep 0.15; rm {0}/$$; echo {2} >>{3}"
        (self.scratch / "now").mkdir()
        names = ["a", "b", "c", "d", "e"]
        self.run_steps(
            [
                self.step(name, mark.format(self.scratch / "now", self.scratch / "seen", name, self.scratch / "order"), expected=at)
                for at, name in enumerate(names)
            ],
            at_most=2,
            ordered=False,
        )
        self.assertLess(max(map(int, (self.scratch / "seen").read_text().split())), 2)
        self.assertEqual(sorted((self.scratch / "order").read_text().split()[:2]), ["d", "e"])

    def test_what_has_no_time_left_is_cut_and_not_started(self):
        outcomes = self.run_steps(
            [self.step("first", "sleep 5"), self.step("second", f"touch {self.scratch}/started")], seconds=1.5
        )
        self.assertEqual([outcome.status for outcome in outcomes.values()], ["cut", "cut"])
        self.assertFalse((self.scratch / "started").exists())
        self.assertEqual(outcomes["second"].detail, "no time was left")

    def test_a_missing_tool_is_absent(self):
        outcomes = self.run_steps([runner.Step("host", "tool", ["no-such-tool-here"], 5)])
        self.assertEqual(
            (outcomes["tool"].status, outcomes["tool"].detail), ("absent", "no-such-tool-here: No such file or directory")
        )

    def test_a_signal_is_named(self):
        self.assertEqual(self.run_steps([self.step("dies", "kill -SEGV $$")])["dies"].detail, "signal SIGSEGV")

    def test_a_full_disk_ends_the_run(self):
        (self.out / "log.txt").symlink_to("/dev/full")
        with self.assertRaisesRegex(Problem, "log.txt: No space left on device"):
            self.run_steps([self.step("any", "true")])

    def test_steps_are_on_disk_when_each_ends(self):
        seen = f"cp {self.out}/steps.json {self.scratch}/seen"
        self.run_steps([self.step("first", "true"), self.step("second", seen)])
        self.assertEqual([step["name"] for step in json.loads((self.scratch / "seen").read_text())], ["first"])

    def test_budgets_of_all_parts_fit(self):
        """Of one step no more than the tests have together. All together may be more than a run has: steps take far less."""
        plan = steps.Plan(self.runner(), self.scratch, {}, 14)
        for part in steps.PARTS:
            each = [*(plan.quick_tests() if part == "correctness" else []), *getattr(plan, part)()]
            self.assertTrue(all(0 < step.seconds <= 155 for step in each), part)
            self.assertEqual(len({step.name for step in each}), len(each))


if __name__ == "__main__":
    unittest.main()
