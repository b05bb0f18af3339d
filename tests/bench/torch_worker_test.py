"""bench/peers/torch_worker.py over its protocol: results against formulas, rotation, failures. Needs no numpy.

RECTIFY_TORCH_PYTHON is an interpreter that may have PyTorch; the default is the one that runs this. Without PyTorch only the
tests of its absence run."""

import math
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from torch_worker_calls import (  # noqa: E402
    CLIP,
    FUNCTIONS,
    LEAKY,
    MEMORY_BYTES,
    OPS,
    PYTHON,
    RELU,
    SETS,
    SIZE,
    SUMS,
    THRESHOLD,
    Call,
    Worker,
    channels_last,
    decode,
    dense,
    encode,
)


class WithTorch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()
        if "absent" in cls.worker.hello:
            cls.worker.end()
            raise unittest.SkipTest(f"{PYTHON}: {cls.worker.hello['absent']}")

    @classmethod
    def tearDownClass(cls):
        cls.worker.end()

    def call(self, *arguments, **options):
        return Call(self.worker, *arguments, **options)

    def prepare(self, call):
        answer = self.worker.ask(call.request())
        self.assertEqual(answer.get("ready"), True, answer)
        return answer["how"]

    def takes_time(self, request):
        answer = self.worker.ask(request)
        self.assertEqual(list(answer), ["seconds"], answer)
        self.assertGreater(answer["seconds"], 0)
        self.assertLess(answer["seconds"], 5)

    def check(self, call):
        how = self.prepare(call)
        self.assertNotIn("Python", how)  # compiled
        self.takes_time({"do": "check"})
        self.assert_is_expected(call, 0)
        return how

    def run_calls(self, first, calls):
        self.takes_time({"do": "run", "calls": calls, "first": first})

    def assert_is_expected(self, call, at):
        for name, (values, bounds) in call.expected(at).items():
            got = call.sets[at][name].read()
            for i, (a, b, bound) in enumerate(zip(got, values, bounds)):
                self.assertLessEqual(abs(a - b), bound, f"{name} at {i}: {a}, expected {b}")  # a NaN is no <=
                if name in SUMS:  # rounded to the parameter's dtype, as autograd has it
                    self.assertEqual(decode(call.dtype, encode(call.dtype, a)), a)


class Results(WithTorch):
    def test_each_op_and_dtype(self):
        for op in OPS:
            for dtype in SIZE:
                for name, function in FUNCTIONS.items():
                    if op.startswith("prelu") and function in (CLIP, THRESHOLD):
                        continue
                    with self.subTest(op=op, dtype=dtype, function=name):
                        self.check(self.call(op, dtype, function))

    def test_each_function_has_its_name(self):
        for name, function in FUNCTIONS.items():
            self.assertEqual(self.check(self.call("bias_forward", "f32", function)), f"add, {name}_")

    def test_says_what_is_missing_or_allocated(self):
        self.assertEqual(self.check(self.call("forward_mask", "f32", LEAKY)), "leaky_relu, no mask")
        self.assertEqual(self.check(self.call("backward_mask", "f32", RELU)), "threshold_backward, z instead of a mask")
        self.assertEqual(self.check(self.call("prelu_forward", "f32", RELU)), "prelu, y allocated")

    def test_parameters_of_any_spelling(self):
        for alpha in (1e-05, -0.5, 3):
            call = self.call("forward", "f64", {**LEAKY, "alpha": alpha})
            self.assertEqual(self.check(call), "leaky_relu")

    def test_negative_threshold(self):
        for op in ("forward", "backward", "backward_mask"):
            self.check(self.call(op, "f16", {**THRESHOLD, "threshold": -0.5}))

    def test_tensors_that_are_not_dense(self):
        def pitched(shape):
            return [stride * 3 for stride in dense(shape)[:-1]] + [1]

        layouts = {"pitched": pitched, "every other": lambda shape: [2 * stride for stride in dense(shape)]}
        for layout, strides_of in layouts.items():
            for op in OPS:
                with self.subTest(layout=layout, op=op):
                    call = self.call(op, "bf16", LEAKY, strides_of=strides_of, misalign=1)
                    self.check(call)
                    self.assert_gaps_are_untouched(call)

    def assert_gaps_are_untouched(self, call):
        nan = encode(call.dtype, math.nan)
        for tensor in (call.sets[0][name] for name in call.outputs() if name not in SUMS):
            data, used = tensor.bytes(), set(tensor.places())
            gaps = [place for place in range(len(data) // 2) if place not in used]
            self.assertTrue(all(data[2 * place : 2 * place + 2] == nan for place in gaps))

    def test_channels_last(self):
        for op in ("bias_forward_nchw", "bias_backward_dbias_nchw"):
            self.check(self.call(op, "f32", LEAKY, strides_of=channels_last))

    def test_mask_in_the_order_of_its_strides(self):
        for function in (LEAKY, CLIP):
            call = self.call("bias_backward_dbias_mask", "f32", function, strides_of=lambda shape: [1, shape[0]])
            self.check(call)

    def test_in_place(self):
        for op in OPS:
            with self.subTest(op=op):
                self.check(self.call(op, "f32", LEAKY, inplace=True))


class Rotation(WithTorch):
    def changed(self, op, first, calls):
        """The sets whose outputs a run changed; their values are as expected."""
        call = self.call(op, "f32", LEAKY)
        self.prepare(call)
        before = [call.state(at) for at in range(SETS)]
        self.run_calls(first, calls)
        changed = [at for at in range(SETS) if call.state(at) != before[at]]
        for at in changed:
            self.assert_is_expected(call, at)
        return changed

    def test_prepare_writes_no_output(self):
        self.assertEqual(self.changed("bias_backward_dbias", 0, 0), [])

    def test_starts_at_first(self):
        self.assertEqual(self.changed("forward", 1, 1), [1])

    def test_continues_with_the_next(self):
        self.assertEqual(self.changed("forward", 0, 2), [0, 1])

    def test_begins_again_after_the_last(self):
        self.assertEqual(self.changed("bias_forward", 2, 2), [0, 2])

    def test_first_beyond_the_last(self):
        self.assertEqual(self.changed("bias_forward", 2 * SETS + 1, 1), [1])

    def test_each_operand_rotates(self):
        not_in_a_run = ("prelu_forward", "prelu_backward", "prelu_backward_dalpha", "residual_backward_mask")
        for op in OPS:
            if op not in not_in_a_run:  # an output of these is in the given tensor after check only
                with self.subTest(op=op):
                    self.assertEqual(self.changed(op, 1, SETS), [0, 1, 2])

    def test_check_writes_the_first_set_only(self):
        for op in ("forward", "bias_backward_dbias", "prelu_backward_dalpha"):
            call = self.call(op, "bf16", LEAKY)
            before = [call.state(at) for at in (1, 2)]
            self.check(call)
            self.assertEqual([call.state(at) for at in (1, 2)], before)


class Protocol(WithTorch):
    def assert_fails(self, request, text):
        self.assertIn(text, self.worker.ask(request).get("failed", "nothing"))

    def assert_works(self):
        self.check(self.call("bias_forward", "f32", LEAKY))

    def test_hello_names_the_version(self):
        self.assertEqual(self.worker.hello["who"], "PyTorch")
        self.assertRegex(self.worker.hello["version"], r"^\d+\.\d+")

    def test_next_prepare_works_after_one_that_fails(self):
        faults = {
            "no such tensor": lambda request: request["tensors"].pop("bias"),
            "beyond the memory": lambda request: request["sets"][1].update(bias=MEMORY_BYTES),
            "dtype": lambda request: request.update(dtype="f8"),
            "larger than the memory": lambda request: request["tensors"]["x"].update(shape=[1 << 40, 1024], strides=[1024, 1]),
        }
        for name, fault in faults.items():
            with self.subTest(fault=name):
                request = self.call("bias_forward", "f32", LEAKY).request()
                fault(request)
                self.assertIn("failed", self.worker.ask(request))
                self.assert_fails({"do": "run", "calls": 1, "first": 0}, "nothing is prepared")
                self.assert_works()

    def test_next_prepare_works_after_a_call_that_fails(self):
        for do in ({"do": "check"}, {"do": "run", "calls": 2, "first": 1}):
            request = self.call("bias_forward", "f32", LEAKY).request()
            request["tensors"]["bias"].update(shape=[5])
            self.assertEqual(self.worker.ask(request).get("ready"), True)
            self.assert_fails(do, "RuntimeError: The size of tensor")
            self.assert_works()

    def test_lines_that_are_no_requests(self):
        for line in ("", "{", "[]", "{}", '{"do": "dance"}'):
            with self.subTest(line=line):
                self.assertIn("failed", self.worker.send(line))
        self.assert_works()

    def assert_absent(self, reason, base="forward", **changes):
        request = {**self.call(base, "f32", LEAKY).request(), **changes}
        self.assertEqual(self.worker.ask(request), {"absent": reason})

    def test_absent_ops(self):
        others = ("models_forward", "all_sums", "bias_gain_forward", "bias_gain_backward_y", "accumulate_dbias")
        for op in others:
            self.assert_absent("has no such op", op=op)
        self.assert_absent("has no such op", "bias_forward", gain=1.5)
        self.assert_works()

    def test_absent_functions(self):
        self.assert_absent("has no alpha together with a threshold or a cap", max_value=6)
        self.assert_absent("has no alpha together with a threshold or a cap", threshold=1)
        self.assert_absent("has no threshold together with a cap", alpha=0, threshold=1, max_value=6)
        self.assert_absent("prelu has no threshold and no cap", "prelu_forward", max_value=6)
        self.assert_absent("prelu has its channels on axis 1", "prelu_backward", channel_axis=0)


class Process(unittest.TestCase):
    def with_modules(self, **sources):
        """An environment in which Python imports these modules."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, source in sources.items():
            (Path(folder.name) / f"{name}.py").write_text(source, encoding="utf-8")
        return {"PYTHONPATH": folder.name}

    def assert_absent(self, worker, reason):
        code, rest, errors = worker.end()
        self.assertEqual((worker.hello, code, rest), ({"absent": reason}, 0, b""), errors)
        return errors

    def with_torch(self, **environment):
        worker = Worker(**environment)
        if "absent" in worker.hello:
            worker.end()
            self.skipTest(f"{PYTHON}: {worker.hello['absent']}")
        return worker

    def test_absent_without_torch(self):
        self.assert_absent(Worker([PYTHON, "-S"]), "No module named 'torch'")

    def test_absent_with_a_torch_that_does_not_load(self):
        for error in ("ImportError", "OSError"):
            modules = self.with_modules(torch=f"raise {error}('libcudart.so.13: cannot open')")
            self.assert_absent(Worker(**modules), "libcudart.so.13: cannot open")

    def test_stdout_has_no_prints_of_torch(self):
        noise = "import os\nprint('a print', flush=True)\nos.system('echo a process')\nraise ImportError('broken')"
        errors = self.assert_absent(Worker(**self.with_modules(torch=noise)), "broken")
        self.assertIn("a print", errors)
        self.assertIn("a process", errors)

    def test_ends_with_stdin_and_says_nothing_more(self):
        worker = self.with_torch()
        self.assertIn("ready", worker.ask(Call(worker, "forward", "f32", RELU).request()))
        self.assertEqual(worker.end(), (0, b"", ""))

    def test_runs_as_python_if_torch_cannot_compile(self):
        broken = "import torch\ntorch.jit.CompilationUnit = None\n"
        worker = self.with_torch(**self.with_modules(sitecustomize=broken))
        call = Call(worker, "prelu_forward", "f32", RELU)
        self.assertEqual(worker.ask(call.request()).get("how"), "prelu, y allocated, called from Python")
        self.assertIn("seconds", worker.ask({"do": "check"}))
        self.assertEqual(call.sets[0]["y"].read(), call.expected(0)["y"][0])
        worker.end()


if __name__ == "__main__":
    unittest.main()
