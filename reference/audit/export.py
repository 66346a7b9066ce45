"""Writes expected.json: intervals, effect sizes and a learner's scores, by other people's code or by
the plainest form of the published formula.

Run with the versions in requirements.txt (Python 3.11): python export.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import proportion_confint

Z = stats.norm.ppf(0.975)


def clustered_area(positive, scores, clusters):
    """Obuchowski 1997, by loops over all pairs; DeLong 1988 when every film is its own cluster."""
    x, y = scores[positive], scores[~positive]
    beats = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    area = beats.mean()
    assert abs(area - roc_auc_score(positive, scores)) < 1e-12
    v10, v01 = beats.mean(1), beats.mean(0)
    cx, cy = clusters[positive], clusters[~positive]
    names = np.unique(clusters)
    m, n = len(x), len(y)
    a = np.array([v10[cx == c].sum() - (cx == c).sum() * area for c in names])
    b = np.array([v01[cy == c].sum() - (cy == c).sum() * area for c in names])
    kx, ky, k = len(np.unique(cx)), len(np.unique(cy)), len(names)
    variance = (
        kx / ((kx - 1) * m) * (a**2).sum() / m
        + ky / ((ky - 1) * n) * (b**2).sum() / n
        + 2 * k / (k - 1) * (a * b).sum() / (m * n)
    )
    half = Z * np.sqrt(variance) / (area * (1 - area))
    logit = np.log(area / (1 - area))
    back = lambda value: 1 / (1 + np.exp(-value))
    return area, back(logit - half), back(logit + half)


def areas(rng):
    for films, patients, tied in [(40, 40, False), (200, 120, False), (200, 60, True), (500, 90, True)]:
        clusters = rng.integers(0, patients, films) if patients < films else np.arange(films)
        positive = rng.random(films) < 0.4
        scores = positive * 0.9 + rng.normal(size=films) + 0.5 * rng.normal(size=patients)[clusters]
        if tied:
            scores = np.round(scores)
        value, low, high = clustered_area(positive, scores, clusters)
        yield {
            "positive": positive.tolist(),
            "scores": scores.tolist(),
            "clusters": clusters.tolist(),
            "expected": [value, low, high],
        }


def wilsons():
    for successes, total in [(0, 10), (1, 7), (5, 10), (116, 124), (124, 124), (3, 1000)]:
        low, high = proportion_confint(successes, total, method="wilson")
        yield {"counts": [successes, total], "expected": [successes / total, low, high]}


def cramers():
    for table in [
        [[30, 10], [12, 28]],
        [[60, 48], [50, 62]],
        [[124, 0, 0], [0, 332, 371]],
        [[20, 5, 9], [7, 30, 4], [2, 3, 25], [8, 8, 8]],
    ]:
        counts = np.array(table)
        n = counts.sum()
        chi2, _, freedom, _ = stats.chi2_contingency(counts, correction=False)
        r, k = counts.shape
        phi2 = max(0, chi2 / n - freedom / (n - 1))
        rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
        value = min(1, np.sqrt(phi2 / (min(rows, columns) - 1)))

        def end(share):
            below = lambda nc: stats.ncx2.cdf(chi2, freedom, nc) if nc > 0 else stats.chi2.cdf(chi2, freedom)
            if below(0) < share:
                return 0.0
            low, high = 0.0, 4 * chi2 + 100
            for _ in range(100):
                middle = (low + high) / 2
                low, high = (middle, high) if below(middle) > share else (low, middle)
            return min(1, np.sqrt(low / (n * (min(r, k) - 1))))

        yield {"table": table, "expected": [value, min(value, end(0.975)), max(value, end(0.025))]}


def differences(rng):
    for n, m, gap in [(30, 40, 0.0), (82, 400, 0.8), (12, 9, 2.0)]:
        a, b = rng.normal(gap, 1, n), rng.normal(0, 1.3, m)
        d = abs(a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
        half = Z * np.sqrt((n + m) / (n * m) + d**2 / (2 * (n + m)))
        yield {"a": a.tolist(), "b": b.tolist(), "expected": [d, max(0, d - half), d + half]}


def odds():
    for table in [[[30, 10], [12, 28]], [[50, 0], [3, 40]]]:
        found = Table2x2(np.array(table) + 0.5)
        yield {"table": table, "expected": [found.oddsratio, *found.oddsratio_confint()]}


def kernel_ridge(rng):
    """Two fits of scikit-learn's kernel ridge regression, as the audit makes one for each fold."""
    rows, columns = 60, 5
    x = np.round(rng.normal(size=(rows, columns)) * [1, 5, 0.2, 100, 1], 3).astype(np.float32)
    labels = (x[:, 0] ** 2 + x[:, 4] > 0.7).astype(int)
    standard = StandardScaler().fit_transform(x.astype(float))
    fitted, held = np.arange(0, 40), np.arange(40, 60)
    scores = []
    for label in (0, 1):
        target = (labels == label).astype(float)
        model = KernelRidge(alpha=1.0, kernel="rbf", gamma=1 / columns)
        model.fit(standard[fitted], target[fitted] - target[fitted].mean())
        scores.append(model.predict(standard[held]).tolist())
    return {
        "rows": x.tolist(),
        "labels": labels.tolist(),
        "fitted": fitted.tolist(),
        "expected": np.array(scores).T.tolist(),
    }


rng = np.random.default_rng(20)
expected = {
    "auroc": list(areas(rng)),
    "wilson": list(wilsons()),
    "cramers_v": list(cramers()),
    "difference": list(differences(rng)),
    "odds_ratio": list(odds()),
    "kernel_ridge": kernel_ridge(rng),
}
Path(__file__).with_name("expected.json").write_text(json.dumps(expected) + "\n")
