"""The interpreter of scripts/count_instructions on small kernels whose counts are known. Needs neither nvcc nor a GPU."""

import sys
import unittest
from pathlib import Path

try:
    import numpy as np
except ModuleNotFoundError:
    print("there is no numpy here")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts" / "count_instructions"))
import figures  # noqa: E402
import ptx  # noqa: E402
import rows  # noqa: E402
from costs import NARROW_64, WIDE_64  # noqa: E402
from machine import Machine  # noqa: E402
from memory import Memory, Range  # noqa: E402
from problem import Problem  # noqa: E402

WARPS = 8
INPUT, OUTPUT = 1 << 40, 1 << 41
DECLARED = """
  .reg .pred %p<9>;
  .reg .b16 %rs<9>;
  .reg .b32 %r<20>;
  .reg .f32 %f<20>;
  .reg .b64 %rd<20>;
  .shared .align 4 .b8 numbers[1024];
"""


def kernel(body):
    """A kernel of two parameters, from and to."""
    module = ".visible .entry small(\n .param .u64 from,\n .param .u64 to\n)\n.maxntid 256, 1, 1\n{" + DECLARED + body + "\n}\n"
    return ptx.Modules([module]).kernel("small")


class Run:
    """One block of 256 threads, block 3 of 8."""

    def __init__(self, body):
        self.machine = Machine(kernel(body))
        self.machine.set_parameters([INPUT.to_bytes(8, "little"), OUTPUT.to_bytes(8, "little")])
        self.memory = Memory([Range("x", INPUT, 1 << 20, "tensor"), Range("y", OUTPUT, 1 << 20, "tensor")])
        self.count = self.machine.run((3, 0, 0), (8, 1, 1), self.memory)

    def instructions(self):
        """The instructions of a warp, by plain PTX."""
        return self.count.ptx_instructions / WARPS

    def register(self, name, dtype=np.int32):
        return self.machine.register_values(name).view(dtype)


class Control(unittest.TestCase):
    def test_counts_each_iteration_of_a_loop(self):
        run = Run("mov.u32 %r1, 0;\n$again:\n add.s32 %r1, %r1, 1;\n setp.lt.s32 %p1, %r1, 10;\n @%p1 bra $again;\n ret;")
        self.assertEqual(run.instructions(), 10 * 3 + 1)
        self.assertTrue((run.register("%r1") == 10).all())

    def test_counts_both_branches_only_if_threads_diverge(self):
        body = """
          mov.u32 %r1, %tid.x;
          setp.lt.u32 %p1, %r1, 48;
          mov.u32 %r2, 0;
          @%p1 bra $low;
          add.s32 %r2, %r2, 1;
          add.s32 %r2, %r2, 1;
          bra.uni $joined;
        $low:
          add.s32 %r2, %r2, 5;
        $joined:
          mul.lo.s32 %r3, %r2, 3;
          ret;"""
        run = Run(body)
        # Of 8 warps the first goes low, the second both ways, the others high; what follows they do together.
        self.assertEqual(run.count.ptx_instructions, WARPS * (3 + 2) + 7 * 3 + 2 * 1)
        low = np.arange(256) < 48
        self.assertTrue((run.register("%r3") == np.where(low, 15, 6)).all())

    def test_counts_the_longest_loop_of_a_warp(self):
        body = "mov.u32 %r1, %tid.x;\n$again: add.s32 %r1, %r1, -1;\n setp.gt.s32 %p1, %r1, 0;\n @%p1 bra $again;\n ret;"
        rounds = [max(1, 32 * warp + 31) for warp in range(WARPS)]
        self.assertEqual(Run(body).count.ptx_instructions, sum(1 + 3 * r + 1 for r in rounds))

    def test_waits_at_a_barrier_until_all_have_written(self):
        body = """
          mov.u32 %r1, %tid.x;
          mov.u32 %r5, numbers;
          shl.b32 %r2, %r1, 2;
          add.s32 %r2, %r5, %r2;
          setp.lt.u32 %p1, %r1, 128;
          @%p1 bra $write;
          mul.lo.s32 %r3, %r1, 2;
          bra.uni $write;
        $write:
          st.shared.u32 [%r2], %r1;
          bar.sync 0;
          sub.s32 %r3, 255, %r1;
          shl.b32 %r3, %r3, 2;
          add.s32 %r3, %r5, %r3;
          ld.shared.u32 %r4, [%r3];
          ret;"""
        self.assertTrue((Run(body).register("%r4") == 255 - np.arange(256)).all())

    def test_applies_predicates_to_single_instructions(self):
        run = Run("mov.u32 %r1, %tid.x;\n setp.eq.u32 %p1, %r1, 7;\n mov.u32 %r2, 1;\n @!%p1 add.s32 %r2, %r2, 1;\n ret;")
        self.assertTrue((run.register("%r2") == np.where(np.arange(256) == 7, 1, 2)).all())

    def test_rejects_an_unknown_instruction_only_if_it_is_executed(self):
        Run("bra.uni $on;\n frobnicate.s32 %r1, %r2;\n$on: ret;")
        with self.assertRaisesRegex(Problem, "frobnicate.s32 %r1"):
            Run("frobnicate.s32 %r1, %r2;\n ret;")


class Arithmetic(unittest.TestCase):
    def test_rounds_division_towards_zero(self):
        body = """
          mov.u32 %r1, %tid.x;
          sub.s32 %r1, %r1, 128;
          div.s32 %r2, %r1, 7;
          rem.s32 %r3, %r1, 7;
          cvt.s64.s32 %rd1, %r1;
          div.s64 %rd2, %rd1, -5;
          rem.s64 %rd3, %rd1, -5;
          ret;"""
        run, numbers = Run(body), np.arange(256) - 128
        self.assertTrue((run.register("%r2") == np.trunc(numbers / 7)).all())
        self.assertTrue((run.register("%r3") == np.fmod(numbers, 7)).all())
        self.assertTrue((run.register("%rd2", np.int64) == np.trunc(numbers / -5)).all())
        self.assertTrue((run.register("%rd3", np.int64) == np.fmod(numbers, -5)).all())

    def test_counts_a_64_bit_division_by_its_operands(self):
        divide = "mov.u64 %rd1, {};\n div.u64 %rd2, %rd1, 3;\n ret;".format
        narrow, wide = (Run(divide(n)).count.warp_instructions / WARPS - 1 for n in (1 << 20, 1 << 40))
        self.assertEqual((narrow, wide), (NARROW_64, WIDE_64))

    def test_computes_numbers_of_all_widths(self):
        body = """
          mov.u32 %r1, %tid.x;
          mul.wide.u32 %rd1, %r1, -1;
          mul.hi.u32 %r2, %r1, -1;
          cvt.u32.u64 %r3, %rd1;
          shr.u64 %rd2, %rd1, 32;
          bfi.b32 %r4, %r1, -1, 4, 8;
          cvt.u16.u32 %rs1, %r1;
          shl.b16 %rs2, %rs1, 9;
          mov.b32 %r5, {%rs1, %rs2};
          mov.b32 {%rs3, %rs4}, %r5;
          ret;"""
        run, thread = Run(body), np.arange(256, dtype=np.uint64)
        product = thread * np.uint64(0xFFFFFFFF)
        self.assertTrue((run.register("%rd1", np.uint64) == product).all())
        self.assertTrue((run.register("%r2", np.uint32) == product >> np.uint64(32)).all())
        self.assertTrue((run.register("%r3", np.uint32) == product & np.uint64(0xFFFFFFFF)).all())
        self.assertTrue((run.register("%rd2", np.uint64) == product >> np.uint64(32)).all())
        self.assertTrue((run.register("%r4", np.uint32) == 0xFFFFF00F | (thread << np.uint64(4))).all())
        self.assertTrue((run.register("%rs4", np.uint16) == (thread << np.uint64(9)) & np.uint64(0xFFFF)).all())

    def test_rounds_bf16_to_nearest_even(self):
        body = "mov.f32 %f1, 0f3F808000;\n mov.f32 %f2, 0f3F818000;\n cvt.rn.bf16x2.f32 %r1, %f1, %f2;\n ret;"
        self.assertTrue((Run(body).register("%r1", np.uint32) == 0x3F803F82).all())

    def test_keeps_shuffles_within_a_warp(self):
        run = Run(
            "mov.u32 %r1, %tid.x;\n shfl.sync.down.b32 %r2|%p1, %r1, 4, 31, -1;\n shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1;\n ret;"
        )
        thread = np.arange(256)
        inside = thread % 32 + 4 < 32
        self.assertTrue((run.register("%r2") == np.where(inside, thread + 4, thread)).all())
        self.assertTrue((run.register("%p1", bool) == inside).all())
        self.assertTrue((run.register("%r3") == thread ^ 1).all())


class Memories(unittest.TestCase):
    LOADS = """
      ld.param.u64 %rd1, [from];
      ld.param.u64 %rd2, [to];
      cvta.to.global.u64 %rd1, %rd1;
      mov.u32 %r1, %tid.x;
      mul.wide.u32 %rd3, %r1, 16;
      add.s64 %rd4, %rd1, %rd3;
      add.s64 %rd5, %rd2, %rd3;
    """

    def test_counts_bytes_for_each_tensor(self):
        run = Run(self.LOADS + "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd4];\n st.global.f32 [%rd5+4], %f3;\n ret;")
        moved = {r.name: (r.loaded, r.stored) for r in run.memory.ranges}
        self.assertEqual(moved, {"x": (4096, 0), "y": (0, 1024)})
        self.assertEqual(run.count.bytes_in_flight, 16)
        self.assertTrue((np.abs(run.register("%f1", np.float32)) < 1).all())

    def test_ends_bytes_in_flight_at_the_use_of_a_load(self):
        two = "ld.global.v2.f32 {%f1, %f2}, [%rd4];\n ld.global.f32 %f3, [%rd4+8];\n"
        self.assertEqual(Run(self.LOADS + two + "add.rn.f32 %f4, %f1, %f3;\n ret;").count.bytes_in_flight, 12)
        after = "ld.global.v2.f32 {%f1, %f2}, [%rd4];\n add.rn.f32 %f4, %f1, %f2;\n bra.uni $on;\n$on: ld.global.f32 %f3, [%rd4+8];\n"
        self.assertEqual(Run(self.LOADS + after + "add.rn.f32 %f4, %f1, %f3;\n ret;").count.bytes_in_flight, 8)

    def test_moves_a_load_before_a_use_but_not_before_its_address_or_a_store(self):
        first = "ld.global.u32 %r2, [%rd4];\n add.s32 %r3, %r2, 1;\n"
        second = "ld.global.v2.f32 {%f1, %f2}, [%rd4+8];\n ret;"
        address = "and.b32 %r3, %r3, 15;\n mul.wide.u32 %rd6, %r3, 8;\n add.s64 %rd4, %rd1, %rd6;\n"
        self.assertEqual(Run(self.LOADS + first + second).count.bytes_in_flight, 12)
        self.assertEqual(Run(self.LOADS + first + address + second).count.bytes_in_flight, 8)
        self.assertEqual(Run(self.LOADS + first + "st.global.u32 [%rd5], %r3;\n" + second).count.bytes_in_flight, 8)

    def test_does_not_take_a_move_of_a_register_as_a_use(self):
        body = (
            "ld.global.u32 %r2, [%rd4];\n mov.b32 %f1, %r2;\n ld.global.f32 %f2, [%rd4+4];\n add.rn.f32 %f3, %f1, %f1;\n ret;"
        )
        self.assertEqual(Run(self.LOADS + body).count.bytes_in_flight, 8)

    def test_rejects_an_access_outside_of_every_tensor(self):
        with self.assertRaisesRegex(Problem, "in no tensor"):
            Run(self.LOADS + "ld.global.f32 %f1, [%rd3];\n ret;")


class Figures(unittest.TestCase):
    def test_finds_the_blocks_per_multiprocessor(self):
        self.assertEqual(figures.blocks_at_once(256, 22, 0), 8)
        self.assertEqual(figures.blocks_at_once(256, 57, 5120), 4)
        self.assertEqual(figures.blocks_at_once(256, 40, 60 * 1024), 3)

    def test_finds_the_share_of_issue_slots(self):
        slots_for_a_byte = figures.ISSUE_SLOTS / figures.BANDWIDTH
        self.assertAlmostEqual(figures.issue_share(32 * 8 * slots_for_a_byte, 8), 1)

    def test_names_each_row_differently(self):
        names = [row.name for row in rows.table()]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn("forward [n, 500 of 512]", names)


if __name__ == "__main__":
    unittest.main()
