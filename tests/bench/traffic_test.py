"""The passes that bench/traffic.py states: those of PyTorch, as its dispatcher calls them, and those of rectify, by the bytes in a record.

Without PyTorch, the first part is skipped, and the exit code is 77 if the other part passes.
"""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "scripts"), str(ROOT / "tests" / "bench")]
import records  # noqa: E402
import sample  # noqa: E402
import traffic  # noqa: E402

try:
    import torch
except ImportError:
    torch = None


def bytes_by_op():
    """Bytes per element of each op in f32: of the committed records of a CPU, or else of the sample."""
    paths = sorted(ROOT.glob("bench/results/*/ops.json"))
    rows = records.Record(paths[0]).rows if paths else sample.records()["ops.json"]["rows"]
    return {row["op"]: row["bytes"] / row["elements"] for row in rows if row["who"] == "rectify" and row["dtype"] == "f32"}


class Rectify(unittest.TestCase):
    def test_the_passes_are_the_bytes_of_a_record(self):
        measured = bytes_by_op()
        for layer in traffic.LAYERS:
            for ops, passes in ((layer.ops, layer.fused), (layer.ops_with_mask, layer.with_mask)):
                for op, stated in zip(ops, passes.moved_bytes(4) if passes else ()):
                    if op is not None:
                        self.assertEqual(measured[op], stated, f"{layer.title}: {op}")

    def test_a_mask_is_a_bit_per_element(self):
        self.assertEqual(traffic.WITH_MASK.moved_bytes(4), (8.125, 8.125))
        self.assertEqual(traffic.WITH_MASK.kept_bytes(4), 0.125)


@unittest.skipUnless(torch, "PyTorch is not installed")
class Framework(unittest.TestCase):
    ROWS, CHANNELS = 32, 64

    def passes(self, expression):
        """Passes over whole tensors, forward and backward, and the whole tensors kept in between."""
        from torch.nn import functional
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils._pytree import tree_flatten

        def whole(nest):
            leaves = [leaf for leaf in tree_flatten(nest)[0] if isinstance(leaf, torch.Tensor)]
            return [leaf.data_ptr() for leaf in leaves if leaf.numel() == self.ROWS * self.CHANNELS]

        class Counter(TorchDispatchMode):
            count = 0

            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                result = function(*args, **(kwargs or {}))
                read, written = whole((args, kwargs)), whole(result)
                if read != written:  # otherwise it is a view
                    self.count += len(read) + len(written)
                return result

        def tensor(*shape):
            return torch.randn(shape, requires_grad=True)

        kept = set()
        names = {name: tensor(self.CHANNELS) for name in ("bias", "scale", "alpha")}
        names.update({name: tensor(self.ROWS, self.CHANNELS) for name in ("x", "residual")}, F=functional, torch=torch)
        with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.update(whole(one)) or one, lambda one: one):
            with Counter() as forward:
                y = eval(expression, names)
        used = [one for name, one in names.items() if name in expression and isinstance(one, torch.Tensor)]
        dy = torch.randn(self.ROWS, self.CHANNELS)
        with Counter() as backward:
            torch.autograd.grad(y, used, dy)
        return traffic.Passes(forward.count, backward.count, len(kept))

    def test_the_passes_are_those_of_the_dispatcher(self):
        for layer in traffic.LAYERS:
            self.assertEqual(self.passes(layer.expression), layer.unfused, layer.title)


if __name__ == "__main__":
    program = unittest.main(exit=False)
    sys.exit(1 if not program.result.wasSuccessful() else 0 if torch else 77)
