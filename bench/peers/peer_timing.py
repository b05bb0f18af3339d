"""Times the contenders of peers.py in turns."""

import math
import statistics
import time

SAMPLE_US, WARM_UPS = 1500.0, 3
SPIN_CYCLES = 1_000_000  # about half a millisecond, in which the host gets ahead of the GPU


class Timer:
    """Times contenders in turns, by events on a GPU and by the clock on a CPU."""

    def __init__(self, arrays, rounds):
        self.arrays, self.rounds = arrays, rounds
        self.cuda = arrays.cuda
        self.torch = arrays.torch if arrays.cuda else None

    def _spin(self):
        """Gives the GPU work before a sample, so that all its calls are queued when the GPU reaches them, and no time
        between two calls is the host's."""
        spin = getattr(self.torch.cuda, "_sleep", None)
        if spin is not None:
            spin(SPIN_CYCLES)

    def sample(self, contender, calls):
        """Microseconds of one call, measured over so many in a row."""
        self.arrays.synchronize()
        run = contender.run
        if self.cuda and contender.clock == "events":
            start, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
            self._spin()
            start.record()
            for _ in range(calls):
                run()
            end.record()
            end.synchronize()
            return start.elapsed_time(end) * 1e3 / calls
        result = None
        began = time.perf_counter()
        for _ in range(calls):
            result = run()
        if contender.wait is not None:
            contender.wait(result)
        else:
            self.arrays.synchronize()
        return (time.perf_counter() - began) * 1e6 / calls

    def calls_for(self, contender):
        """How many calls fill a sample. By the host's clock it takes more, so that the start of the first is a small
        part."""
        for _ in range(WARM_UPS):
            contender.run()
        once = max(self.sample(contender, 1), 0.5)
        aim = SAMPLE_US * (5 if self.cuda and contender.clock == "wall" else 1)
        return min(max(1, math.ceil(aim / once)), 1000)

    def alone(self, contender):
        """A quick measurement of one contender."""
        calls = self.calls_for(contender)
        return statistics.median(self.sample(contender, calls) for _ in range(3))

    def in_turns(self, contenders, on_error, fixed_calls=None):
        """All samples of each contender that did not fail, {who: [us]}. The order rotates, so that none always follows
        the same other."""
        calls, samples, left = {}, {}, []
        for contender in contenders:
            try:
                calls[contender.who] = fixed_calls or self.calls_for(contender)
                if fixed_calls:
                    self.sample(contender, fixed_calls)
                samples[contender.who] = []
                left.append(contender)
            except Exception as error:
                on_error(contender, error)
        for turn in range(self.rounds):
            order = left[turn % len(left) :] + left[: turn % len(left)] if left else []
            for contender in order:
                try:
                    samples[contender.who].append(self.sample(contender, calls[contender.who]))
                except Exception as error:
                    on_error(contender, error)
                    left.remove(contender)
                    samples.pop(contender.who, None)
        return samples
