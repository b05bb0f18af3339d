"""examples/train_torch.py as people call it, on a few images made here; what it says of alphas."""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_cases import device  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAM = EXAMPLES / "train_torch.py"
if not PROGRAM.exists():
    pytest.skip("the examples are not beside the tests", allow_module_level=True)
sys.path.insert(0, str(EXAMPLES))

import train_torch  # noqa: E402
from training import choose_alpha, comparison  # noqa: E402
from training.choose_alpha import Score  # noqa: E402

SMALL = ["--device", "cpu", "--batch", "16", "--width", "4", "--epochs", "2"]


def idx(values):
    values = values.to(torch.uint8)
    return struct.pack(f">{1 + values.dim()}I", 0x800 + values.dim(), *values.shape) + bytes(values.flatten().tolist())


def write_images(folder, name, count, compress=True):
    """Images that a network can learn: the label is where the bright row lies."""
    generator = torch.Generator().manual_seed(count)
    labels = torch.randint(0, 10, (count,), generator=generator)
    pixels = torch.randint(0, 100, (count, 12, 12), generator=generator)
    pixels[torch.arange(count), labels] = 255
    for kind, values in (("images-idx3", pixels), ("labels-idx1", labels)):
        file = folder / f"{name}-{kind}-ubyte{'.gz' if compress else ''}"
        file.write_bytes(gzip.compress(idx(values)) if compress else idx(values))
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_images(folder, "t10k", 40)
    return write_images(folder, "train", 100)


@pytest.fixture
def run(data, tmp_path, capsys):
    """Runs the program in this process: its exit code, standard output, errors, and what it wrote as JSON."""

    def call(*arguments, folder=data):
        file = tmp_path / "result.json"
        try:
            code = train_torch.main([*SMALL, "--data", str(folder), "--json", str(file), *arguments])
        except SystemExit as exit_:
            code = exit_.code
        said = capsys.readouterr()
        return code, said.out, said.err, json.loads(file.read_text()) if file.exists() else None

    return call


# --- The comparison ---------------------------------------------------------------------------------------------------


@device
def test_the_three_networks_train_alike(run, device):
    code, out, err, result = run("--device", device)
    assert code == 0 and not err
    models = result["models"]
    assert list(models) == ["torch.nn", "rectify", "rectify, mask"]
    for model in models.values():
        assert len(model["losses"]) == len(model["milliseconds"]) == 12
        assert model["losses"] == pytest.approx(models["torch.nn"]["losses"], rel=1e-5)
        assert model["accuracy"] == pytest.approx(models["torch.nn"]["accuracy"], abs=0.03)
        assert (model["peak_bytes"] or 0) > 0 if device == "cuda" else model["peak_bytes"] is None
    assert models["torch.nn"]["losses"][-1] < models["torch.nn"]["losses"][0]
    assert "7 replaced" in out and "accuracy, %" in out and "Losses of 12 steps" in out


def test_on_a_cpu_the_losses_have_the_same_bits(run):
    _, out, _, result = run()
    own, ours, masked = result["models"].values()
    assert own["losses"] == ours["losses"] == masked["losses"]
    assert "equal bit for bit" in out


def test_rectify_keeps_less_and_a_mask_less_still(run):
    """7 activations: torch keeps all inputs and, for convolutions, 5 outputs; rectify the outputs; masks replace the 2
    outputs before a sum, and are beside the others."""
    _, _, _, result = run()
    own, ours, masked = (model["kept_bytes"] for model in result["models"].values())
    # Elements of the units' outputs, by layer: width 4, 12 x 12 images, 16 of them.
    large, middle, small = 16 * 4 * 12 * 12, 16 * 8 * 6 * 6, 16 * 16 * 3 * 3
    elements = [large, middle, middle // 2, middle, small, small // 2, small]
    assert own - ours == 4 * (sum(elements) - middle - small)
    assert ours - masked == 4 * (middle + small) - sum(elements) // 8


@pytest.mark.parametrize("amp", ["auto", "bf16", "f16"])
def test_autocast(run, amp):
    code, out, _, result = run("--amp", *([] if amp == "auto" else [amp]), "--epochs", "1")
    dtype = torch.float16 if amp == "f16" else torch.bfloat16
    assert code == 0 and str(dtype) in out
    own, ours, masked = result["models"].values()
    assert ours["losses"] == pytest.approx(own["losses"], rel=8 * torch.finfo(dtype).eps)
    assert masked["losses"] == ours["losses"]
    f32 = run("--epochs", "1")[3]["models"]["rectify"]
    assert f32["losses"] != ours["losses"] and ours["kept_bytes"] < 0.7 * f32["kept_bytes"]


def test_the_seed_decides(run):
    first, again, other = (run("--seed", seed)[3]["models"]["rectify"]["losses"] for seed in ("3", "3", "4"))
    assert first == again != other


def test_from_a_shell(data, tmp_path):
    command = [sys.executable, PROGRAM, *SMALL, "--data", data, "--epochs", "1"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, env=os.environ)
    assert finished.returncode == 0, finished.stderr
    assert "torch.nn" in finished.stdout and not list(tmp_path.iterdir())


def test_the_verdict_about_time_needs_more_than_noise():
    def model(*milliseconds):
        return {"milliseconds": [9.0] * 10 + list(milliseconds), "losses": [1.0], "kept_bytes": 100}

    own = model(*[1.0] * 20)
    assert "faster" in comparison.pace(model(*[0.5] * 20), own)
    assert "slower" in comparison.pace(model(*[2.0] * 20), own)
    assert "no difference" in comparison.pace(model(*[0.9, 1.1] * 10), own)
    words = comparison.conclusions(own, own, model(*[1.0] * 20) | {"kept_bytes": 104, "losses": [1.5]})
    assert "4 % more than without, so the mask does not pay" in words[1] and "differ by up to 0.5" in words[0]


# --- What goes wrong --------------------------------------------------------------------------------------------------


def test_data_that_is_missing(run, tmp_path):
    code, out, err, result = run(folder=tmp_path)
    assert (code, out, result) == (1, "", None)
    assert str(tmp_path / "train-images-idx3-ubyte.gz") in err and "dataset-fashion-mnist" in err and "--data" in err


def test_data_that_is_not_compressed(run, tmp_path):
    write_images(tmp_path, "t10k", 40, compress=False)
    write_images(tmp_path, "train", 100, compress=False)
    assert run(folder=tmp_path)[3]["models"]["torch.nn"]["losses"] == run()[3]["models"]["torch.nn"]["losses"]


DAMAGED = {
    "cut": ("images-idx3", lambda file: file.write_bytes(file.read_bytes()[:-30]), "cannot be read"),
    "no gzip": ("images-idx3", lambda file: file.write_bytes(b"no images at all"), "cannot be read"),
    "empty": ("labels-idx1", lambda file: file.write_bytes(gzip.compress(b"")), "is not an IDX file"),
    "labels": ("images-idx3", lambda file: file.write_bytes(gzip.compress(idx(torch.zeros(9)))), "with 3 axes"),
    "short": (
        "labels-idx1",
        lambda file: file.write_bytes(gzip.compress(idx(torch.zeros(9))[:-1])),
        "its header says 9",
    ),
    "few": (
        "labels-idx1",
        lambda file: file.write_bytes(gzip.compress(idx(torch.zeros(9)))),
        "9 labels, but 100 images",
    ),
    "large": (
        "labels-idx1",
        lambda file: file.write_bytes(gzip.compress(idx(torch.full((100,), 10)))),
        "a label is 10",
    ),
}


@pytest.mark.parametrize("fault", list(DAMAGED))
def test_data_that_is_damaged(run, tmp_path, fault):
    kind, damage, text = DAMAGED[fault]
    write_images(tmp_path, "train", 100)
    file = tmp_path / f"train-{kind}-ubyte.gz"
    damage(file)
    code, out, err, _ = run(folder=tmp_path)
    assert (code, out) == (1, "") and err.startswith(str(file)) and text in err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--folds", "1"], "expected a number of at least 2, got 1"),
        (["--epochs", "few"], "expected a number of at least 1, got few"),
        (["--alpha", "nan"], "expected a number from -100 to 100, got nan"),
        (["--alphas", "0.1,x"], 'expected different numbers, or "learned", with commas, got 0.1,x'),
        (["--alphas", "0.1,0.10"], "expected different numbers"),
        (["--alphas", "inf"], "expected different numbers"),
        (["--batch", "101"], "--batch 101: expected at most 100, the images to train on"),
        (["--batch", "81", "--alphas", "0"], "--batch 81: expected at most 80"),
        (["--json", "/no such folder/file"], "there is no such folder"),
        (["--device", "tpu"], "invalid choice"),
    ],
)
def test_arguments_that_are_invalid(run, arguments, text):
    code, out, err, result = run(*arguments)
    assert (code, out, result) == (2, "", None) and text in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu(run):
    code, _, err, _ = run("--device", "cuda")
    assert code == 2 and "torch finds no GPU" in err


# --- Alphas -----------------------------------------------------------------------------------------------------------


def test_alphas_are_cross_validated(run):
    code, out, _, result = run("--alphas", "0,0.010,1,learned", "--folds", "3", "--seeds", "2", "--epochs", "8")
    assert code == 0 and "models" not in result
    found = result["alphas"]
    assert list(found["alphas"]) == ["0", "0.01", "1", "learned"] and found["baseline"] == "0.01"
    assert found["significance"] == pytest.approx(0.05 / 3)
    for name, row in found["alphas"].items():
        assert len(row["accuracies"]) == len(row["losses"]) == 6
        assert len(row["ended"]) == (7 if name == "learned" else 0)
        assert ("p" in row) == (name != "0.01")
    assert "Is 0.01 fixed? No: alpha is a hyperparameter" in out and "standard error" in out
    assert "learned: from 0.25 to " in out


def test_every_alpha_meets_the_same_folds_and_seeds():
    seen = []

    def train(alpha, rows, test_rows, seed):
        seen.append((alpha, seed, tuple(rows.tolist()), tuple(test_rows.tolist())))
        return Score(0.5, 1.0, [])

    choose_alpha.cross_validate(train, ["0", "0.01"], count=10, folds=3, seeds=2, seed=7)
    of = {alpha: [call[1:] for call in seen if call[0] == alpha] for alpha in ("0", "0.01")}
    assert of["0"] == of["0.01"] and len(of["0"]) == 6 and len({seed for seed, _, _ in of["0"]}) == 6
    for _, rows, test_rows in of["0"]:
        assert sorted(rows + test_rows) == list(range(10))
    assert sorted(row for _, _, test_rows in of["0"][:3] for row in test_rows) == list(range(10))


def scores(*accuracies, loss=1.0):
    return [Score(accuracy, loss, []) for accuracy in accuracies]


def test_a_difference_beyond_noise_is_told_from_noise():
    result = choose_alpha.compare(
        {
            "0.01": scores(0.80, 0.81, 0.82, 0.83, 0.84),
            "0.2": scores(0.82, 0.80, 0.83, 0.82, 0.84),
            "1": scores(0.70, 0.712, 0.72, 0.731, 0.74),
            "9": scores(0.1, 0.1, 0.1, 0.1, 0.1, loss=float("nan")),
        },
        folds=5,
    )
    rows = result["alphas"]
    assert rows["1"]["differs"] and not rows["0.2"]["differs"] and "p" not in rows["9"]
    assert rows["1"]["difference"] == pytest.approx(-0.0994)
    assert rows["0.2"]["p"] == choose_alpha.paired_p([0.82 - 0.80, 0.80 - 0.81, 0.83 - 0.82, 0.82 - 0.83, 0.0], 1 / 4)
    text = choose_alpha.report(result)
    assert "these differ from 0.01 here: 1 (-9.94 points)" in text and "9          diverged in 5 of 5 runs" in text
    same = choose_alpha.compare({"0.01": scores(0.8, 0.9), "0": scores(0.8, 0.9)}, folds=2)
    assert same["alphas"]["0"]["p"] == 1 and "none differs from 0.01" in choose_alpha.report(same)


@pytest.mark.parametrize(
    ("t", "freedom", "p"), [(12.706, 1, 0.05), (4.303, 2, 0.05), (2.776, 4, 0.05), (3.250, 9, 0.01)]
)
def test_p_is_that_of_students_tables(t, freedom, p):
    assert choose_alpha.student_p(t, freedom) == pytest.approx(p, rel=2e-3)
    assert choose_alpha.student_p(-t, freedom) == pytest.approx(p, rel=2e-3)


def test_the_paired_test_is_corrected_for_overlapping_training_sets():
    differences = [0.01, 0.03, 0.02, 0.02, 0.02]
    plain, corrected = choose_alpha.paired_p(differences, 0), choose_alpha.paired_p(differences, 1 / 4)
    assert plain == pytest.approx(0.003, abs=5e-4) and corrected == pytest.approx(0.0132, abs=5e-4)
    assert choose_alpha.paired_p([0.1, 0.1], 0.5) == 0 and choose_alpha.paired_p([0.1, -0.1], 0.5) == 1
