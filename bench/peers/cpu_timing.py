"""How cpu.py takes its samples: contenders take turns, and no thread pool disturbs another."""

import ctypes
import math
import re
import statistics
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

MOST_CALLS = 5000  # of a sample


@dataclass
class Contender:
    """A program to time: run(calls) calls it so many times in a row, and `outputs` maps the result to the arrays that
    rectify's outputs are compared with."""

    who: str
    run: Callable[[int], Any]
    outputs: Optional[Callable[[Any], dict]] = None
    how: str = ""


class OpenMp:
    """The OpenMP runtimes in the process.

    There is one if PyTorch is imported first and all were built by GCC: PyTorch's libgomp has the same SONAME as the
    system's, so the loader gives it to rectify and oneDNN too. They share one pool of threads, and none disturbs the
    others.

    With a PyTorch that renames its libgomp, or brings another runtime, there are two pools. After a parallel region the
    idle threads of a pool spin before they sleep (libgomp: 2 ms, on an EPYC with two cores) and take a core from the
    first calls of the other. Each sample then begins with untimed calls of the contender itself, for twice as long as
    threads were measured to spin. GOMP_SPINCOUNT would need less code, but it changes what is compared and only libgomp
    reads it.
    """

    def __init__(self, threads):
        self.threads, self.counts = threads, {}
        for path in self._loaded():
            runtime = ctypes.CDLL(path)
            runtime.omp_set_num_threads(threads)
            self.counts[path] = runtime.omp_get_max_threads()

    @staticmethod
    def _loaded():
        try:
            with open("/proc/self/maps", encoding="utf-8") as maps:
                paths = {line.split()[-1] for line in maps if "/" in line}
        except OSError:
            return []
        return sorted(path for path in paths if re.search(r"/lib(g|i|)omp\d?[-.][^/]*$", path))

    def settle_seconds(self, run):
        """How long the untimed calls at the start of a sample last. 0: one call."""
        return 2 * self._spin_seconds(run) if len(self.counts) > 1 and self.threads > 1 else 0.0

    def _spin_seconds(self, run):
        """The processor time that idle threads take after a parallel region."""
        seen = []
        for _ in range(5):
            run(1)
            began = time.process_time()
            time.sleep(0.1)
            seen.append((time.process_time() - began) / (self.threads - 1))
        return min(statistics.median(seen), 0.02)


class Timer:
    """Times contenders in turns, sample by sample, so that what disturbs the machine disturbs all of them."""

    def __init__(self, rounds, sample_seconds, settle_seconds):
        self.rounds, self.sample_seconds, self.settle_seconds = rounds, sample_seconds, settle_seconds

    def in_turns(self, contenders, on_error):
        """All samples of each contender that did not fail, {who: [us of a call]}. The order rotates, so that none always
        follows the same other."""
        calls, samples, left = {}, {}, list(contenders)

        def guarded(contender, step):
            try:
                step(contender)
            except Exception as error:
                on_error(contender, error)
                left.remove(contender)
                samples.pop(contender.who, None)

        def begin(contender):
            calls[contender.who], samples[contender.who] = self._calls_for(contender), []

        def take(contender):
            samples[contender.who].append(self._sample(contender, calls[contender.who]))

        for contender in contenders:
            guarded(contender, begin)
        for turn in range(self.rounds):
            at = turn % max(len(left), 1)
            for contender in left[at:] + left[:at]:
                guarded(contender, take)
        return samples

    def _calls_for(self, contender):
        """How many calls fill a sample."""
        contender.run(2)
        once = min(self._timed(contender, 1) for _ in range(3))
        return min(max(1, math.ceil(self.sample_seconds / once)), MOST_CALLS)

    def _sample(self, contender, calls):
        """Microseconds of a call."""
        began = time.perf_counter()
        contender.run(1)
        while time.perf_counter() - began < self.settle_seconds:
            contender.run(1)
        return self._timed(contender, calls) * 1e6 / calls

    def _timed(self, contender, calls):
        began = time.perf_counter()
        contender.run(calls)
        return time.perf_counter() - began


def keep_freed_memory():
    """Makes glibc reuse freed memory instead of returning it to the system. If PyTorch must allocate a result in each
    call (prelu), page faults would otherwise be most of its time. This favours PyTorch."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    trim_threshold, mmap_max = -1, -4
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
