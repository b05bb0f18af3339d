"""ONNX's operators, forward only: in ONNX Runtime on the CPU, and in onnx.reference."""

import ml_dtypes
import numpy as np
import onnx
from elements import text
from functions import ALL, Function, System
from onnx import TensorProto, helper

TYPES = {"f16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16, "f32": TensorProto.FLOAT, "f64": TensorProto.DOUBLE}
OPSET = 18  # the version with ThresholdedRelu and today's types of Clip and Relu


def model(operator, dtype, attributes, constants):
    """y = operator(x, constants...)."""
    kind, names = TYPES[dtype], [f"c{index}" for index in range(len(constants))]
    initial = [helper.make_tensor(name, kind, shape, value) for name, (shape, value) in zip(names, constants)]
    ends = [helper.make_tensor_value_info(name, kind, ["n"]) for name in "xy"]
    node = helper.make_node(operator, ["x", *names], ["y"], **attributes)
    graph = helper.make_graph([node], "one", ends[:1], ends[1:], initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def by_runtime(proto):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def by_reference(proto):
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(proto)
    return lambda x: evaluator.run(None, {"x": x})[0]


class Operator:
    """A model for each type that the system has a kernel for."""

    def __init__(self, evaluate, operator, attributes, constants):
        self.ready = {}
        for dtype in ALL:
            try:
                call = evaluate(model(operator, dtype, attributes, constants))
                call(native(np.zeros(4, np.uint16 if dtype == "bf16" else dtype.replace("f", "float")), dtype))
                self.ready[dtype] = call
            except Exception:  # not implemented; each system raises errors of its own
                continue


def native(x, dtype):
    return x.view(ml_dtypes.bfloat16) if dtype == "bf16" else x


def run(function, x, dys, dtype):
    y = np.asarray(function.call.ready[dtype](native(x, dtype)))
    return (y.view(np.uint16) if dtype == "bf16" else y), []


def functions(evaluate):
    """LeakyRelu(0.01) and ThresholdedRelu(1) are the defaults."""

    def one(name, operator, constants=(), attributes=None, **relu):
        made = Operator(evaluate, operator, attributes or {}, constants)
        return Function(name, made, dtypes=tuple(made.ready), **relu)

    return [
        one("Relu", "Relu"),
        one("Clip(0, 5)", "Clip", [((), [0]), ((), [5])], max_value=5),
        one("Clip(0, 0.1)", "Clip", [((), [0]), ((), [0.1])], max_value=0.1),
        one("LeakyRelu(0.01)", "LeakyRelu", alpha=0.01),
        one("LeakyRelu(0.3)", "LeakyRelu", attributes={"alpha": 0.3}, alpha=0.3),
        one("LeakyRelu(0)", "LeakyRelu", attributes={"alpha": 0.0}),
        one("ThresholdedRelu(1)", "ThresholdedRelu", threshold=1),
        one("ThresholdedRelu(0.1)", "ThresholdedRelu", attributes={"alpha": 0.1}, threshold=0.1),
        one("PRelu(0.25)", "PRelu", [((1,), [0.25])], alpha=0.25),
        one("PRelu(0)", "PRelu", [((1,), [0.0])]),
    ]


def clip_below_zero(evaluate):
    call = evaluate(model("Clip", "f32", {}, [((), [0]), ((), [-1])]))
    return lambda: text(call(np.array([3], np.float32))[0], "f32")


def system(evaluator):
    if evaluator == "runtime":
        import onnxruntime

        versions = {"onnxruntime": onnxruntime.__version__}
    else:
        versions = {"onnx": onnx.__version__}
    evaluate = by_runtime if evaluator == "runtime" else by_reference
    return System(versions, functions(evaluate), run, {"clip": clip_below_zero(evaluate)})
