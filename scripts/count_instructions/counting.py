"""Computes the figures of rows. The parsed kernels of a library are kept from row to row."""

import multiprocessing

import calls
import fatbin
import figures
import ptx
import recorder
from machine import Machine
from problem import Problem


class Work:
    """A library and its parsed kernels."""

    def __init__(self, path, mib):
        code = fatbin.Code(path)
        self.resources, self.modules, self.mib = code.resources, ptx.Modules(code.ptx), mib
        self.recorder = recorder.Recorder(self.modules)
        self.library = calls.Library(path)
        self.machines = {}

    def machine(self, launch):
        key = launch.kernel, launch.block
        if key not in self.machines:
            self.machines[key] = Machine(self.modules.kernel(launch.kernel), launch.block)
        return self.machines[key]

    def figures(self, row, dtype):
        """The figures as a dict. It has "fault" if the row failed, and "absent" if this library lacks what the row needs."""
        known = {"op": row.op, "layout": row.layout, "dtype": dtype}
        try:
            call = calls.Call(self.library, row, dtype, self.mib)
            launches = self.recorder.launches_of(call)
            if not launches:
                raise Problem("it launches nothing")
            return figures.of_call(call, launches, self.machine, self.resources)
        except calls.Absent as absent:
            return {**known, "absent": f"the C ABI has no field {absent} here"}
        except Problem as problem:
            return {**known, "fault": str(problem)}

    def all_figures(self, tasks, jobs):
        """The figures of (row, dtype) pairs, in the same order."""
        if jobs == 1:
            return [self.figures(*task) for task in tasks]
        global _shared
        _shared = self  # inherited by forked processes, because it cannot be sent to them
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            return pool.map(_shared_figures, tasks, chunksize=1)


_shared = None


def _shared_figures(task):
    return _shared.figures(*task)
