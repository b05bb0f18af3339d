"""rectify beside its peers, on the same buffers: PyTorch eager and compiled, Triton, JAX and CuPy, each checked before
it is timed.

    python3 bench/peers/peers.py --library librectify.so --out peers.jsonl                  on a GPU
    python3 bench/peers/peers.py --library librectify.so --out peers.jsonl --device cpu     the same, small, without

Appends one JSON object a line, as soon as it is known, with the fields of a row of rectify-bench. A peer that is not installed,
or has no such op, is a row with "absent"; one that raises, or whose result differs, is a row with "failed". No fault of a
peer ends the run.

Time is GPU time, by events around enough calls to fill a millisecond ("mode": "cold": tensors far larger than the
caches); the contenders of an op take turns, sample by sample, so that what disturbs the machine disturbs all of them.
"clock": "wall" marks a peer that runs on a stream of its own and is timed from the host. Small tensors have three modes:
"graph", a CUDA graph of 100 calls over rotating buffers; "hot", one over the same buffer; "wall", a loop in Python that
waits at its end ("wall_anew": rectify with its operands described anew in every call).

Exit status: 0, or 1 if rectify failed or anything differed, or 2 for bad arguments.
"""

import argparse
import datetime
import faulthandler
import gc
import importlib.metadata
import os
import statistics
import sys
import tempfile
import time
import traceback
from pathlib import Path

BEGAN = time.monotonic()


def prepare_environment():
    """Sets the environment before torch is imported. One compiling thread, in this process, leaves no workers behind that
    could outlive it; caches in a folder of this run need no home folder, and make each run compile."""
    cache = tempfile.mkdtemp(prefix="rectify-peers-")
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(cache, "inductor"))
    os.environ.setdefault("TRITON_CACHE_DIR", os.path.join(cache, "triton"))
    os.environ.setdefault("CUPY_CACHE_DIR", os.path.join(cache, "cupy"))
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


prepare_environment()
sys.path.insert(0, str(Path(__file__).resolve().parent))

try:
    import numpy  # noqa: F401  (the modules below need it)
except ImportError:
    print("peers.py needs numpy", file=sys.stderr)
    sys.exit(2)

from arrays import NumpyArrays, TorchArrays  # noqa: E402
from contenders import LATE_OPS, LATE_WHO, WHO, Absent, Contender, Jax, Torch, builders, late_builders  # noqa: E402
from ops import LEAKY, OPS, SIZE, Work, difference  # noqa: E402
from peer_rows import Rows, describe_case, figures, reason  # noqa: E402
from peer_timing import Timer  # noqa: E402
from rectify_c import Library  # noqa: E402

SMALL = "leaky_forward_small"  # a case of its own, whose rows are of op leaky_forward
SMALL_BYTES = (64 << 10, 1 << 20, 16 << 20)
SMALL_AT = 8  # its index among the ops
ROTATE_BYTES = 256 << 20


def bytes_argument(text):
    unit = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper())
    try:
        count = int(float(text[:-1] if unit else text) * (unit or 1))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text}") from None
    if count < 4096:
        raise argparse.ArgumentTypeError("must be at least 4K")
    return count


def list_argument(known):
    def parse(text):
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r}; known: {', '.join(known)}")
        return names

    return parse


def rounds_argument(text):
    try:
        rounds = int(text)
    except ValueError:
        rounds = 0
    if rounds < 1:
        raise argparse.ArgumentTypeError("expected a whole number from 1 on")
    return rounds


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Times rectify beside its peers on the same buffers, after checking each."
    )
    parser.add_argument("--library", required=True, type=Path, help="librectify.so")
    parser.add_argument("--out", required=True, type=Path, help="JSON Lines file to append to")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=90.0, help="seconds after which no case is started (default 90)")
    parser.add_argument("--compile-seconds", type=float, help="seconds of these for torch.compile (default 0.4 of them)")
    parser.add_argument("--bytes", type=bytes_argument, help="bytes of a large tensor (default 1G; on a CPU 1M)")
    parser.add_argument("--dtypes", type=list_argument(list(SIZE)), default=["f32", "bf16"])
    parser.add_argument("--who", type=list_argument(["rectify", *WHO]), help="peers, of: " + ", ".join(WHO))
    parser.add_argument("--op", type=list_argument([*(op.name for op in OPS), SMALL]), help="ops (default all)")
    parser.add_argument("--rounds", type=rounds_argument, default=15)
    options = parser.parse_args()
    if not options.library.is_file():
        parser.error(f"--library: no file {options.library}")
    if options.bytes is None:
        options.bytes = 1 << 30 if options.device == "cuda" else 1 << 20
    if options.compile_seconds is None:
        options.compile_seconds = 0.4 * options.seconds
    return parser, options


class Bench:
    """A run: its arguments, the available peers, and the file of rows."""

    def __init__(self, options, arrays, library, rows):
        self.options, self.arrays, self.library, self.rows = options, arrays, library, rows
        self.timer = Timer(arrays, options.rounds)
        self.torch = arrays.torch if arrays.name == "torch" else None
        self.torch_peers = Torch(self.torch, arrays.cuda, options.compile_seconds) if self.torch else None
        self.jax = Jax(arrays.cuda)
        # A CPU has no graphs, so there this only tries the program.
        self.graph_calls, self.loop_calls = (100, 200) if arrays.cuda else (4, 4)

    def wants(self, who):
        return self.options.who is None or who in self.options.who

    def cases(self):
        """Yields (op, dtype, whether it is for the late peers): an op in all dtypes before the next op."""
        names = [op.name for op in OPS]
        ops = [*OPS[:SMALL_AT], None, *OPS[SMALL_AT:]]
        chosen = self.options.op or [*names, SMALL]
        dtypes = self.options.dtypes
        cases = [(op, dtype, False) for op in ops if (op.name if op else SMALL) in chosen for dtype in dtypes]
        if self.torch and any(self.wants(who) for who in LATE_WHO):
            cases += [(op, dtype, True) for op in OPS if op.name in LATE_OPS and op.name in chosen for dtype in dtypes]
        return cases

    def run(self):
        cases = self.cases()
        for done, (op, dtype, late) in enumerate(cases):
            if time.monotonic() - BEGAN > self.options.seconds:
                self.rows.add(note=f"stopped after {done} of {len(cases)} cases by the time limit")
                break
            name = op.name if op else SMALL
            print(
                f"{time.monotonic() - BEGAN:6.1f} s  {name} {dtype}{' beside JAX and CuPy' if late else ''}", flush=True
            )
            try:
                if not self.arrays.supports(dtype):
                    self.rows.add(op=name, who="rectify", dtype=dtype, absent=f"{self.arrays.name} has no {dtype}")
                elif op is None:
                    self.small(dtype)
                else:
                    self.large(op, dtype, late)
            except Exception as error:
                traceback.print_exc()
                self.rows.wrong += 1
                self.rows.add(op=name, who="rectify", dtype=dtype, failed=reason(error))
            gc.collect()
            self._release()

    def _release(self):
        try:
            self.arrays.release()
        except Exception as error:  # an error of an earlier kernel; the next case reports it
            print(f"while releasing memory: {reason(error)}", file=sys.stderr)

    # Large tensors ---------------------------------------------------------------------------------------------------

    def large(self, op, dtype, late):
        work = Work(op, dtype, self.options.bytes, self.arrays, self.library)
        what = describe_case(op, work, self.options.device)
        if late:
            what["late"] = True  # rectify and a copy then have a second row of this op, measured with these peers
        wrong = work.check()
        if wrong:
            self.rows.wrong += 1
            self.rows.add(**what, who="rectify", mode="cold", checked=False, difference=wrong)
            return
        ours = Contender(
            "rectify",
            work.call,
            None,
            work.useful_bytes,
            "the C ABI by ctypes, operands prepared once",
            step=work.training_step if op.backward else None,
            checked=True,
        )
        contenders = [ours, *self._peers(work, what, late)]

        def on_error(contender, error):
            traceback.print_exc()
            self.rows.wrong += contender is ours
            self.rows.add(**what, who=contender.who, failed=reason(error))

        samples = self.timer.in_turns(contenders, on_error)
        base = statistics.median(samples["rectify"]) if samples.get("rectify") else None
        for contender in contenders:
            taken = samples.get(contender.who)
            if not taken:
                continue
            row = {
                **what,
                "who": contender.who,
                "how": contender.how,
                "moved": contender.moved,
                "mode": "cold",
                **figures(taken, work.useful_bytes),
            }
            if contender is not ours and base:
                row["vs_rectify"] = round(statistics.median(taken) / base, 4)
            if self.arrays.cuda and contender.clock == "wall":
                row["clock"] = "wall"
            row.update(checked=True, runs=len(taken), **(contender.notes or {}))
            peak = self._peak_bytes(contender)
            if peak is not None:
                row["peak_bytes"] = peak
            self.rows.add(**row)

    def _peers(self, work, what, late):
        """The contenders that are available and agree with rectify. Writes a row for each of the others."""
        if self.torch is None:
            for who in WHO:
                if self.wants(who):
                    self.rows.add(**what, who=who, absent="no torch here")
            return []
        agreed = []
        peers = (
            late_builders(work, self.torch_peers, self.jax)
            if late
            else builders(work, self.torch_peers, self.timer.alone)
        )
        for who, build in peers:
            if not self.wants(who):
                continue
            try:
                contender = build()
                if not contender.checked:
                    result = contender.run()
                    self.arrays.synchronize()
                    fine, notes = difference(work, contender.outputs(result))
                    del result
                    contender.notes = {**(contender.notes or {}), **notes}
                    if not fine:
                        self.rows.wrong += 1
                        self.rows.add(**what, who=who, how=contender.how, mode="cold", checked=False, **notes)
                        continue
                agreed.append(contender)
            except Absent as absent:
                self.rows.add(**what, who=who, absent=str(absent))
            except Exception as error:
                traceback.print_exc()
                self.rows.add(**what, who=who, failed=reason(error))
        return agreed

    def _peak_bytes(self, contender):
        """The memory that forward and backward allocate at their peak; None if it cannot be measured."""
        if contender.step is None or self.torch is None:
            return None
        try:
            gc.collect()
            self.arrays.synchronize()
            if not self.arrays.cuda:
                contender.step()
                return None
            memory = self.torch.cuda
            contender.step()  # memory that a first run keeps (workspaces, a compilation) does not count
            memory.synchronize()
            before = memory.memory_allocated()
            memory.reset_peak_memory_stats()
            contender.step()
            memory.synchronize()
            return memory.max_memory_allocated() - before
        except Exception as error:
            traceback.print_exc()
            print(f"no peak memory of {contender.who}: {reason(error)}", file=sys.stderr)
            return None

    # Small tensors ---------------------------------------------------------------------------------------------------

    def small(self, dtype):
        for size in SMALL_BYTES:
            try:
                self._small(dtype, size)
            except Exception as error:
                traceback.print_exc()
                self.rows.wrong += 1
                self.rows.add(
                    op="leaky_forward", who="rectify", dtype=dtype, shape=f"[{size // SIZE[dtype]}]", failed=reason(error)
                )
            gc.collect()
            self._release()

    def _small(self, dtype, size):
        op = OPS[0]
        first = Work(op, dtype, size, self.arrays, self.library)
        # A graph must not reuse a buffer that the caches still hold; 100 calls use 100 buffers at most.
        count = min(self.graph_calls, ROTATE_BYTES // first.useful_bytes + 1) if self.arrays.cuda else 2
        works = [first, *(Work(op, dtype, size, self.arrays, self.library) for _ in range(count - 1))]
        what = describe_case(op, first, self.options.device)
        for work in works:
            wrong = work.check()
            if wrong:
                self.rows.wrong += 1
                self.rows.add(**what, who="rectify", checked=False, difference=wrong)
                return
        for mode, used in (("graph", works), ("hot", works[:1])):
            self._small_mode(
                mode, what, self._graph_contenders(used, what, mode), {"buffers": len(used)}, self.graph_calls, None
            )
        prepared, anew = self._loop_contenders(first)
        self._small_mode("wall", what, prepared, {}, 1, self.loop_calls)
        self._small_mode("wall_anew", what, anew, {}, 1, self.loop_calls)

    def _small_mode(self, mode, what, contenders, extra, calls_of_run, fixed_calls):
        def on_error(contender, error):
            traceback.print_exc()
            self.rows.wrong += contender.who == "rectify"
            self.rows.add(**what, who=contender.who, mode=mode, failed=reason(error))

        samples = self.timer.in_turns(contenders, on_error, fixed_calls)
        samples = {who: [us / calls_of_run for us in taken] for who, taken in samples.items() if taken}
        base = statistics.median(samples["rectify"]) if "rectify" in samples else None
        for contender in contenders:
            taken = samples.get(contender.who)
            if taken:
                row = {
                    **what,
                    "who": contender.who,
                    "how": contender.how,
                    "moved": what["bytes"],
                    "mode": mode,
                    **figures(taken, what["bytes"]),
                    **extra,
                }
                if contender.who != "rectify" and base:
                    row["vs_rectify"] = round(statistics.median(taken) / base, 4)
                self.rows.add(**row, checked=True, runs=len(taken))

    def _graph_contenders(self, works, what, mode):
        """Times each contender as a graph of 100 calls over the works in turn (on a CPU: the calls alone). A replay
        is checked first."""
        contenders = []
        for who, call_of, how in self._small_calls():
            try:
                run = self._captured([call_of(works[at % len(works)]) for at in range(self.graph_calls)])
                for work in works:
                    self.arrays.poison(work.outputs["y"])
                self.arrays.synchronize()
                run()
                self.arrays.synchronize()
                if any(self._differs(work) for work in works):
                    self.rows.wrong += 1
                    self.rows.add(**what, who=who, mode=mode, checked=False, difference="y after a replay")
                    continue
                contenders.append(Contender(who, run, how=how))
            except Exception as error:
                traceback.print_exc()
                self.rows.wrong += who == "rectify"
                self.rows.add(**what, who=who, mode=mode, failed=reason(error))
        return contenders

    def _small_calls(self):
        yield "rectify", lambda work: work.call, "the C ABI by ctypes, operands prepared once"
        if self.torch and self.wants("torch eager"):
            out = self.torch.ops.aten.leaky_relu.out
            # Into the same buffers as rectify, so that the caches favour neither.
            yield "torch eager", lambda work: lambda: out(work.x, 0.01, out=work.outputs["y"]), "aten::leaky_relu.out"

    def _differs(self, work):
        part = slice(0, work.shape[0])
        return self.arrays.differing(work.outputs["y"], work._expected(part)[0]["y"]) != 0

    def _captured(self, calls):
        if not self.arrays.cuda:

            def run():
                for call in calls:
                    call()

            return run
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # work that only a first call does must not be part of a graph
            for call in calls[:3]:
                call()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads (JAX's, an allocator's) may make calls that a capture forbids to its own thread.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            for call in calls:
                call()
        return graph.replay

    def _loop_contenders(self, work):
        """Times calls from Python: rectify prepared once, torch as it is usually written, and rectify prepared anew."""
        y = work.outputs["y"]

        def describe_and_call():
            self.library.forward(LEAKY, 1, x=work.x, y=y)()

        prepared = [Contender("rectify", work.call, how="operands prepared once", clock="wall")]
        if self.torch and self.wants("torch eager"):
            function, x = self.torch.nn.functional.leaky_relu, work.x
            prepared.append(
                Contender(
                    "torch eager", lambda: function(x, 0.01), how="F.leaky_relu, y allocated in each call", clock="wall"
                )
            )
        return prepared, [
            Contender("rectify", describe_and_call, how="operands described anew in each call", clock="wall")
        ]


def versions(names):
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def make_arrays(parser, options):
    try:
        import torch
    except Exception as error:
        if options.device == "cuda":
            parser.error(f"--device cuda needs torch: {reason(error)}")
        print(f"torch is not installed, so only rectify is measured, on numpy's arrays: {reason(error)}", file=sys.stderr)
        return NumpyArrays()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU")
    torch.manual_seed(1)
    # Forwards are timed as inference; code that needs a graph enables gradients itself.
    torch.set_grad_enabled(False)
    return TorchArrays(torch, options.device)


def describe(options, arrays, library):
    row = {
        "note": "start",
        "utc": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "device": options.device,
        "arrays": arrays.name,
        "bytes": options.bytes,
        "dtypes": options.dtypes,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rectify": library.version(),
        "python": sys.version.split()[0],
        **versions(("torch", "triton", "jax", "jaxlib", "cupy-cuda13x", "cupy-cuda12x", "cupy", "numpy")),
    }
    if arrays.cuda:
        properties = arrays.torch.cuda.get_device_properties(arrays.device)
        row["gpu"], row["memory"], row["cuda"] = properties.name, properties.total_memory, arrays.torch.version.cuda
    return row


def main():
    parser, options = parse_arguments()
    # A peer that hangs must not block the machine: long past the limit, print the stack and exit.
    faulthandler.dump_traceback_later(options.seconds + 120, exit=True)
    arrays = make_arrays(parser, options)
    try:
        rows = Rows(options.out)
    except OSError as error:
        parser.error(f"--out: {error}")
    try:
        library = Library(options.library, arrays)
        if arrays.cuda and not library.cuda_available():
            raise RuntimeError("the library finds no GPU: was it built without CUDA?")
        rows.add(**describe(options, arrays, library))
    except Exception as error:
        rows.add(who="rectify", failed=reason(error))
        print(f"rectify: {reason(error)}", file=sys.stderr)
        return 1
    Bench(options, arrays, library, rows).run()
    rows.add(note="end", seconds=round(time.monotonic() - BEGAN, 1), wrong=rows.wrong)
    return 1 if rows.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
