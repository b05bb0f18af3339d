"""Compares alphas by cross-validation: a model for every alpha and fold, and which alphas differ beyond noise.

It knows no network: it is given a function that trains one.
"""

import math
from statistics import mean, stdev
from typing import Callable, NamedTuple, Sequence

import torch

LEARNED = "learned"


class Score(NamedTuple):
    """Of a trained model, on images that it was not trained on."""

    accuracy: float
    loss: float
    alphas: list[float]  # where the learned ones ended, one per layer; empty if none was learned


Train = Callable[[str, torch.Tensor, torch.Tensor, int], Score]  # alpha's name, training rows, test rows, seed


def names(text: str) -> list[str]:
    """ "0,0.01,learned" as names: numbers in their shortest form, and "learned"."""
    found = [part.strip() if part.strip() == LEARNED else f"{float(part):g}" for part in text.split(",")]
    if len(set(found)) < len(found) or not all(name == LEARNED or math.isfinite(float(name)) for name in found):
        raise ValueError(text)
    return found


def cross_validate(train: Train, alphas: Sequence[str], count: int, folds: int, seeds: int, seed: int) -> dict:
    """Every alpha meets the same folds, first weights and batches: so alphas are compared in pairs."""
    parts = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tensor_split(folds)
    scores: dict[str, list[Score]] = {alpha: [] for alpha in alphas}
    for run in range(folds * seeds):
        fold = run % folds
        rows = torch.cat(parts[:fold] + parts[fold + 1 :])
        for alpha in alphas:
            scores[alpha].append(train(alpha, rows, parts[fold], seed + run))
    return compare(scores, folds)


def compare(scores: dict[str, list[Score]], folds: int) -> dict:
    """The figures of every alpha, and its paired test against 0.01 (or the first alpha)."""
    baseline = "0.01" if "0.01" in scores else next(iter(scores))
    rows = {alpha: figures(runs) for alpha, runs in scores.items()}
    limit = 0.05 / max(len(rows) - 1, 1)  # Bonferroni: many comparisons find a difference by chance
    for alpha, row in rows.items():
        if alpha != baseline and not row["diverged"] and not rows[baseline]["diverged"]:
            differences = [a - b for a, b in zip(row["accuracies"], rows[baseline]["accuracies"])]
            row["difference"] = mean(differences)
            row["p"] = paired_p(differences, 1 / (folds - 1))
            row["differs"] = row["p"] < limit
    return {"baseline": baseline, "significance": limit, "folds": folds, "alphas": rows}


def figures(runs: list[Score]) -> dict:
    accuracies, losses = [run.accuracy for run in runs], [run.loss for run in runs]
    ended = [mean(layer) for layer in zip(*(run.alphas for run in runs))]
    return {
        "accuracy": mean(accuracies), "standard_error": stdev(accuracies) / math.sqrt(len(runs)), "loss": mean(losses),
        "accuracies": accuracies, "losses": losses, "ended": ended,
        "diverged": sum(not loss < math.log(10) for loss in losses),
    }  # fmt: skip


def paired_p(differences: Sequence[float], test_share: float) -> float:
    """The p of Student's paired test with the correction of Nadeau and Bengio (2003): the training sets of folds
    overlap, so the plain test finds differences that do not exist. test_share is the size of a fold relative to its
    training set."""
    if mean(differences) == 0:
        return 1.0
    spread = stdev(differences) * math.sqrt(1 / len(differences) + test_share)
    return student_p(mean(differences) / spread, len(differences) - 1) if spread else 0.0


def student_p(t: float, freedom: int) -> float:
    """The probability that |t| of Student's distribution is at least this: Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    odd = freedom % 2 == 1
    angle = math.atan(abs(t) / math.sqrt(freedom))
    term = math.cos(angle) if odd else 1.0
    total = 0.0 if freedom == 1 else term
    for k in range(3 if odd else 2, freedom, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    total *= math.sin(angle)
    return max(1 - ((angle + total) * 2 / math.pi if odd else total), 0.0)


# --- What people read -------------------------------------------------------------------------------------------------


def report(result: dict) -> str:
    baseline, rows = result["baseline"], result["alphas"]
    lines = [f"{'alpha':10}{'accuracy, %':>16}{'loss':>9}   against {baseline}, points"]
    for alpha, row in rows.items():
        text = f"{alpha:10}{100 * row['accuracy']:9.2f} +- {100 * row['standard_error']:.2f}{row['loss']:9.4f}"
        if row["diverged"]:
            text = f"{alpha:10} diverged in {row['diverged']} of {len(row['losses'])} runs: not compared"
        elif "p" in row:
            p = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.3f}"
            text += f"   {100 * row['difference']:+6.2f}  {p}  {'differs' if row['differs'] else 'may be noise'}"
        lines.append(text)
    for alpha, row in rows.items():
        if row["ended"]:
            lines.append(f"{alpha}: from 0.25 to {', '.join(f'{a:.3f}' for a in row['ended'])} (a mean per layer)")
    return "\n".join(lines) + "\n\n" + "\n".join(answer(result))


def answer(result: dict) -> list[str]:
    """The answer to "is 0.01 fixed?", as far as this run gives one."""
    baseline, rows = result["baseline"], result["alphas"]
    differ = [f"{alpha} ({100 * row['difference']:+.2f} points)" for alpha, row in rows.items() if row.get("differs")]
    runs = len(next(iter(rows.values()))["losses"])
    words = [
        "Is 0.01 fixed? No: alpha is a hyperparameter, a number that you choose before training and that training does",
        'not change; 0.01 is the default of PyTorch. ("learned" is a parameter: training changes it.)',
    ]
    if len(rows) == 1:
        return [*words, "One alpha alone cannot be compared."]
    words.append(
        f"Beyond noise, these differ from {baseline} here: {', '.join(differ)}. The others may not differ."
        if differ
        else f"Here none differs from {baseline} beyond noise: every difference above may be chance."
    )
    return [
        *words,
        f"(+- is a standard error over {runs} runs. A difference counts if p < 0.05 / {len(rows) - 1} comparisons = "
        f"{result['significance']:.4f}, in a",
        "paired t-test, corrected because training sets overlap. The best of several means is a little too high.)",
    ]
