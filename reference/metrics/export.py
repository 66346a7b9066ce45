"""Writes expected.json, seeded scores and what scikit-learn says about them, and intervals.json: intervals
and tests by SciPy, statsmodels and the plainest form of the published formulas.

Run with the versions in requirements.txt (Python 3.11): python export.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    classification_report,
    cohen_kappa_score,
    confusion_matrix,
    log_loss,
    matthews_corrcoef,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

warnings.simplefilter("ignore")  # absent labels warn, and are the point of some cases
LABELS = {
    2: ["Covid-19", "No_findings"],
    3: ["Covid-19", "No_findings", "Pneumonia"],
    5: ["a", "a rather long label name", "Ödem", "d", "e"],
}
# name, classes, films, labels that truth is drawn from, step that probabilities are rounded to
CASES = [
    ("two classes", 2, 62, [0, 1], None),
    ("two classes, positive second", 2, 62, [0, 1], None),
    ("two classes, many ties", 2, 200, [0, 1], 0.1),
    ("two classes, all tied", 2, 40, [0, 1], 1.0),
    ("two classes, three films", 2, 3, [0, 1], None),
    ("two classes, only the positive", 2, 20, [0], None),
    ("two classes, only the negative", 2, 20, [1], None),
    ("three classes", 3, 112, [0, 1, 2], None),
    ("three classes, ties", 3, 150, [0, 1, 2], 0.25),
    ("three classes, one absent", 3, 60, [0, 2], None),
    ("five classes", 5, 300, [0, 1, 2, 3, 4], None),
    ("five classes, ties", 5, 300, [0, 1, 2, 3, 4], 0.2),
    ("five classes, two films", 5, 2, [1, 3], None),
]


def number(value):
    return float(value) if np.isfinite(value) else None


def calibration_error(truth, probabilities, bins=10):
    """Guo et al. 2017, equation 3, with bins of equally many films, ties together; scikit-learn has none."""
    confidence, predicted = probabilities.max(1), probabilities.argmax(1)
    total = 0.0
    rank = np.searchsorted(np.sort(confidence), confidence, side="left")
    bin_of = rank * bins // len(confidence)
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            gap = (predicted == truth)[inside].mean() - confidence[inside].mean()
            total += inside.mean() * abs(gap)
    return total


def make(seed, name, classes, films, present, step):
    draw = np.random.default_rng(seed)
    truth = draw.choice(present, films, p=np.arange(1, len(present) + 1) / sum(range(len(present) + 1)))
    truth[: len(present)] = present[:films]
    logits = draw.normal(0, 1.5, (films, classes))
    logits[np.arange(films), truth] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if step:
        # A grid of probabilities, still summing to 1: what is left over goes to the last class.
        probabilities = np.floor(probabilities / step) * step
        probabilities[:, -1] = 1 - probabilities[:, :-1].sum(1)
    probabilities = np.clip(probabilities.round(12), 0, 1)
    positive = 1 if "positive second" in name else 0
    return case(name, LABELS[classes], positive, truth, probabilities)


def case(name, labels, positive, truth, probabilities):
    classes = np.arange(len(labels))
    predicted = probabilities.argmax(1)
    onehot = truth[:, None] == classes
    absent = [c for c in classes if not onehot[:, c].any()]
    binary = len(labels) == 2
    y, score = onehot[:, positive], probabilities[:, positive]
    if binary:
        auroc = roc_auc_score(y, score) if 0 < y.sum() < len(y) else np.nan
        auprc = average_precision_score(y, score) if y.any() else np.nan
        brier = brier_score_loss(y, score)
    else:
        auroc = np.nan if absent else roc_auc_score(truth, probabilities, multi_class="ovr", labels=classes)
        auprc = np.nan if absent else average_precision_score(onehot, probabilities, average="macro")
        brier = brier_score_loss(truth, probabilities, labels=classes)
    # scikit-learn answers 0 or nan where nothing is defined.
    constant = len(set(truth)) == 1 or len(set(predicted)) == 1
    same = constant and len(set(truth) | set(predicted)) == 1
    areas, precisions = [], []
    for c in classes:
        t, s = onehot[:, c], probabilities[:, c]
        areas.append(roc_auc_score(t, s) if 0 < t.sum() < len(t) else np.nan)
        precisions.append(average_precision_score(t, s) if t.any() else np.nan)
    top_2 = None
    if not binary:
        # Of equal probabilities the first label comes first.
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
        top_2 = float((order == truth[:, None]).any(1).mean())
    micro = weighted = None
    if not binary:
        micro = number(roc_auc_score(onehot.ravel(), probabilities.ravel()))
        if not absent:
            weighted = number(roc_auc_score(truth, probabilities, multi_class="ovr", average="weighted", labels=classes))
    matrix = confusion_matrix(truth, predicted, labels=classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=np.nan
    )
    specificity = []
    for c in classes:
        negatives = (~onehot[:, c]).sum()
        specificity.append(((predicted != c) & ~onehot[:, c]).sum() / negatives if negatives else np.nan)
    text = classification_report(
        truth, predicted, labels=classes, target_names=labels, zero_division=np.nan
    )
    curves = {"roc": None, "precision_recall": None}
    if 0 < y.sum() < len(y):
        fpr, tpr, thresholds = roc_curve(y, score)
        curves["roc"] = [fpr.tolist(), tpr.tolist(), thresholds[1:].tolist()]
    if y.any():
        p, r, thresholds = precision_recall_curve(y, score)
        curves["precision_recall"] = [p.tolist(), r.tolist(), thresholds.tolist()]
    return {
        "name": name,
        "labels": labels,
        "positive": positive,
        "truth": truth.tolist(),
        "probabilities": probabilities.tolist(),
        "n": len(truth),
        "loss": number(log_loss(truth, probabilities, labels=classes)),
        "accuracy": number(accuracy_score(truth, predicted)),
        "balanced_accuracy": number(balanced_accuracy_score(truth, predicted)),
        "auroc": number(auroc),
        "auprc": number(auprc),
        "brier": number(brier),
        "ece": number(calibration_error(truth, probabilities)),
        "kappa": None if same else number(cohen_kappa_score(truth, predicted)),
        "mcc": None if constant else number(matthews_corrcoef(truth, predicted)),
        "macro_f1": number(np.nanmean(f1)),
        "weighted_f1": number(np.nansum(f1 * support) / support[~np.isnan(f1)].sum()),
        "top_2_accuracy": top_2,
        "micro_auroc": micro,
        "weighted_auroc": weighted,
        "confusion_matrix": matrix.tolist(),
        "per_label": [
            {
                "sensitivity": number(recall[c]),
                "specificity": number(specificity[c]),
                "precision": number(precision[c]),
                "f1": number(f1[c]),
                "auroc": number(areas[c]),
                "auprc": number(precisions[c]),
                "support": int(support[c]),
            }
            for c in classes
        ],
        "classification_report": text.replace("nan", "n/a"),
        **curves,
    }


def bca_cases():
    """SciPy's interval together with the draws that it was made from."""
    draw = np.random.default_rng(7)
    skewed = draw.exponential(size=30)
    shares = draw.random(60) < 0.9
    pairs = draw.normal(size=40), draw.normal(size=40)
    ratio = lambda x, y, axis=-1: (np.exp(x).sum(axis)) / (np.exp(y).sum(axis))
    mean = lambda x, axis=-1: np.mean(x, axis)
    for name, data, statistic in [
        ("mean of a skewed sample", (skewed,), mean),
        ("standard deviation", (skewed,), lambda x, axis=-1: np.std(x, axis)),
        ("share, with ties", (shares.astype(float),), mean),
        ("ratio of paired sums", pairs, ratio),
    ]:
        paired = len(data) > 1
        result = stats.bootstrap(
            data, statistic, n_resamples=999, method="BCa", paired=paired, vectorized=True,
            rng=np.random.default_rng(11),
        )
        rows = np.arange(len(data[0]))
        left_out = [float(statistic(*(x[rows != i] for x in data))) for i in rows]
        yield {
            "name": name,
            "value": float(statistic(*data)),
            "draws": result.bootstrap_distribution.tolist(),
            "left_out": left_out,
            "expected": [float(end) for end in result.confidence_interval],
        }


def paired_cases():
    """DeLong, DeLong and Clarke-Pearson 1988, over all pairs of films, as equations (4) to (6) have it."""
    for seed, films, step in [(1, 60, None), (2, 200, None), (3, 150, 0.25), (4, 500, None)]:
        draw = np.random.default_rng(seed)
        positive = draw.random(films) < 0.4
        shared = draw.normal(size=films) + positive
        scores = [shared + draw.normal(size=films), shared + 0.7 * draw.normal(size=films) - 0.2 * positive]
        if step:
            scores = [np.round(s / step) * step for s in scores]
        beats = [
            (s[positive][:, None] > s[~positive]) + 0.5 * (s[positive][:, None] == s[~positive]) for s in scores
        ]
        area = [b.mean() for b in beats]
        s10 = np.cov([b.mean(1) for b in beats])
        s01 = np.cov([b.mean(0) for b in beats])
        covariance = s10 / positive.sum() + s01 / (~positive).sum()
        error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        difference = area[0] - area[1]
        yield {
            "positive": positive.tolist(),
            "first": scores[0].round(12).tolist(),
            "second": scores[1].round(12).tolist(),
            "expected": [difference, float(error), float(2 * stats.norm.sf(abs(difference / error)))],
        }


def mcnemar_cases():
    for only_first, only_second in [(3, 12), (0, 5), (12, 12), (1, 1), (30, 55), (0, 1), (14, 40)]:
        table = [[100, only_first], [only_second, 9]]
        exact = only_first + only_second < 25
        result = mcnemar(table, exact=exact, correction=True)
        yield {"counts": [only_first, only_second], "exact": exact, "p_value": float(result.pvalue)}


def holm_cases():
    for p_values in [[0.01, 0.04, 0.03, 0.005], [0.2, 0.9, 0.5], [0.001], [0.02, 0.02, 0.02]]:
        yield {"p_values": p_values, "adjusted": multipletests(p_values, method="holm")[1].tolist()}


def main():
    intervals = {
        "bca": list(bca_cases()),
        "paired": list(paired_cases()),
        "mcnemar": list(mcnemar_cases()),
        "holm": list(holm_cases()),
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(cases)}" for name, cases in intervals.items())
    Path(__file__).with_name("intervals.json").write_text(f"{{\n{lines}\n}}\n")
    cases = [make(20200428 + i, *row) for i, row in enumerate(CASES)]
    # Certain and right, certain and wrong: what clipping is for.
    certain = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    cases.append(case("certain films", LABELS[2], 0, np.array([0, 1, 1, 0]), certain))
    text = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in cases)
    Path(__file__).with_name("expected.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
