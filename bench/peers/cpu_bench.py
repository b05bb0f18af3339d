"""A run of cpu.py: its contenders and its cases."""

import gc
import os

from arrays import NumpyArrays, TorchArrays
from contenders import Absent
from cpu_onednn import OneDnn
from cpu_ops import CPU_OPS, CpuWork
from cpu_timing import Contender, OpenMp, Timer, keep_freed_memory
from native import Repeater
from ops import difference
from rectify_c import Library

SMALL_BYTES, SMALL_ROUNDS, SMALL_SECONDS = 256, 21, 1e-3  # 64 elements of f32


def one_line(error):
    return " ".join(str(error).split())[:300] or type(error).__name__


class Bench:
    """Loads the libraries, once for all cases."""

    def __init__(self, options, report, folder):
        self.options, self.report = options, report
        self.peers, self.absent = [], {}
        self.arrays, torch_version = self._arrays()
        # Loaded after PyTorch, whose libgomp they then share (see OpenMp).
        self.library = Library(options.library.resolve(), self.arrays)
        self.baseline = Library(options.baseline.resolve(), self.arrays) if options.baseline else None
        onednn_version = self._add_onednn(folder)
        self.repeater = Repeater(folder)
        self.openmp = OpenMp(options.threads)
        keep_freed_memory()
        self._print_start({"PyTorch": torch_version, "oneDNN": onednn_version})

    def _arrays(self):
        try:
            import torch

            from cpu_torch import TorchCpu
        except Exception as error:
            self.absent["PyTorch"] = one_line(error)
            return NumpyArrays(), ""
        torch.manual_seed(1)
        torch.set_grad_enabled(False)
        self.peers.append(TorchCpu(self.options.threads))
        return TorchArrays(torch, "cpu"), torch.__version__

    def _add_onednn(self, folder):
        try:
            onednn = OneDnn(folder)
        except Absent as error:
            self.absent["oneDNN"] = one_line(error)
            return ""
        self.peers.append(onednn)
        return onednn.version()

    def _print_start(self, versions):
        named = ", ".join(f"{who} {version}" for who, version in versions.items() if version)
        policy = os.environ.get("OMP_WAIT_POLICY", "not set")
        print(f"rectify {self.library.version()}, {named or 'no peers'}; {self.repeater.how}")
        runtimes = ", ".join(self.openmp.counts) or "none seen"
        print(f"{self.options.threads} threads, OMP_WAIT_POLICY {policy}, OpenMP runtimes: {runtimes}")
        if hasattr(os, "getloadavg"):
            print(f"load average of the last minute: {os.getloadavg()[0]:.1f}, which should be near 0")
        for path, count in self.openmp.counts.items():
            if count != self.options.threads:
                print(f"{path} has {count} threads instead of {self.options.threads}")
        self.report.row(
            note="start",
            threads=self.options.threads,
            openmp=self.openmp.counts,
            rectify=self.library.version(),
            **versions,
        )

    def run(self):
        self.report.head(self.baseline is not None)
        first = self._work(CPU_OPS[1], "f32", 8 << 20)
        self.settle_seconds = self.openmp.settle_seconds(self.repeater.loop(first.call))
        for op in CPU_OPS:
            if self.options.op and op.name not in self.options.op:
                continue
            for dtype in self.options.dtypes:
                for size in self.options.sizes:
                    self._case(op, dtype, size)
        self.report.end()
        self._small()
        self.report.last_line()

    def _work(self, op, dtype, size):
        return CpuWork(op, dtype, size, self.arrays, self.library)

    def _case(self, op, dtype, size):
        case = {"op": op.name, "dtype": dtype, "bytes": size}
        if not self.arrays.supports(dtype):
            return self.report.missing(case, "rectify", "absent", f"{self.arrays.name} has no {dtype}")
        try:
            work = self._work(op, dtype, size)
            wrong = work.check()
            if wrong:
                return self.report.reject(case, "rectify", "differs", wrong)
            self._time(case, work)
        except Exception as error:
            self.report.reject(case, "rectify", "failed", one_line(error))
        finally:
            gc.collect()

    def _time(self, case, work):
        contenders = [self._rectify("rectify", work)]
        contenders += [*self._checked_baseline(case, work), *self._checked_peers(case, work)]

        def on_error(contender, error):
            ours = contender.who in ("rectify", "old")
            (self.report.reject if ours else self.report.missing)(case, contender.who, "failed", one_line(error))

        timer = Timer(self.options.repetitions, self.options.sample_ms / 1e3, self.settle_seconds)
        samples = timer.in_turns(contenders, on_error)
        if "rectify" in samples:
            self.report.line(case, samples, contenders, work.useful_bytes / 1e9)

    def _rectify(self, who, work):
        return Contender(who, self.repeater.loop(work.call), None, self.repeater.how)

    def _checked_baseline(self, case, work):
        if self.baseline is None:
            return
        try:
            old = work.by(self.baseline)
            wrong = old.check()
        except Exception as error:
            return self.report.reject(case, "old", "failed", one_line(error))
        if wrong:
            return self.report.reject(case, "old", "differs", wrong)
        yield self._rectify("old", old)

    def _checked_peers(self, case, work):
        """The peers that have this op. Each has run over poisoned buffers, and its results were compared."""
        for who, why in self.absent.items():
            self.report.missing(case, who, "absent", why)
        kept = work.with_kept_results()
        for peer in self.peers:
            try:
                contender = peer.contender(work)
                for output in work.elementwise.values():
                    self.arrays.poison(output)
                fine, seen = difference(kept, contender.outputs(contender.run(1)))
            except Absent as error:
                self.report.missing(case, peer.who, "absent", one_line(error))
            except Exception as error:
                self.report.missing(case, peer.who, "failed", one_line(error))
            else:
                if fine:
                    yield contender
                else:
                    self.report.reject(case, peer.who, "differs", str(seen))

    def _small(self):
        """The time of a call by itself."""
        work = self._work(CPU_OPS[1], "f32", SMALL_BYTES)
        contenders = [self._rectify("rectify", work)]
        for peer in self.peers:
            try:
                contenders.append(peer.contender(work))
            except Absent:
                continue  # the cases above have printed the reason
        timer = Timer(SMALL_ROUNDS, SMALL_SECONDS, self.settle_seconds)
        samples = timer.in_turns(contenders, lambda contender, error: None)
        us = ", ".join(f"{who} {self.report.statistic(taken):.2f} us" for who, taken in samples.items())
        print(f"a call of leaky_forward with 64 elements of f32: {us}")
