"""PyTorch as a peer of rectify-bench: a process that takes part in its turns, on the same buffers.

    PYTHON torch_worker.py --memory-fd FD --memory-bytes B --threads N

FD is an inherited file of B bytes that both processes map. A request is a line of JSON on stdin, the answer one on stdout:

    at once:                            {"who": "PyTorch", "version": ...}    or {"absent": REASON}, and the process ends
    {"do": "prepare", "op": ..., ...}   {"ready": true, "how": ...}           or {"absent": REASON}
    {"do": "check"}                     {"seconds": S}    one call on the first set, and its outputs are in the caller's buffers
    {"do": "run", "calls": n, "first": i}    {"seconds": S}    of n calls, on sets i, i + 1, ... modulo their number

A request that fails is answered with {"failed": TEXT}. prepare reads the inputs, so they must be in the buffers before it; it
writes no output, except the sum of prelu. The process ends when stdin does. torch_requests.py makes the tensors and takes the
times, torch_recipes.py has what PyTorch executes.
"""

import argparse
import json
import os
import signal
import sys

sys.dont_write_bytecode = True


class Protocol:
    """Takes stdout for the answers. What anything else prints there goes to stderr from then on."""

    def __init__(self):
        self.file = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, message):
        try:
            print(json.dumps(message), file=self.file, flush=True)
        except BrokenPipeError:  # the caller has ended
            os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--memory-fd", "--memory-bytes", "--threads"):
        parser.add_argument(name, type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted rectify-bench closes stdin
    protocol = Protocol()
    try:
        import torch
        from torch_requests import Memory, Requests, keep_freed_memory

        keep_freed_memory()
        torch.set_num_threads(arguments.threads)
        requests = Requests(Memory(arguments.memory_fd, arguments.memory_bytes))
    except Exception as error:
        protocol.say({"absent": str(error)})
        return
    protocol.say({"who": "PyTorch", "version": torch.__version__})
    for line in sys.stdin:
        protocol.say(requests.answer(line))


if __name__ == "__main__":
    main()
