"""Writes operation.json: calibration, operating points, the Brier score in parts and predictive values by SciPy and
scikit-learn, on seeded scores of overconfident networks.

Run with the versions in requirements.txt (Python 3.11): python operation.py
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, roc_curve


def draw(seed, films, classes, sharpness, step=None):
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, films, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    logits = rng.normal(0, 1.2, (films, classes))
    logits[np.arange(films), truth] += 1.4
    p = np.exp(log_softmax(sharpness * logits, axis=1))
    if step:
        p = np.clip(np.round(p / step) * step, step, 1 - step)
        p /= p.sum(1, keepdims=True)
    return truth, p


def temperature(truth, p, prior=0.5):
    """Cross-entropy and half a squared standard deviation of the slope's logarithm."""
    z, rows = np.log(p), np.arange(len(truth))
    loss = lambda u: -log_softmax(np.exp(u) * z, axis=1)[rows, truth].sum() + (u / prior) ** 2 / 2
    best = minimize_scalar(loss, bounds=(-6, 6), method="bounded", options={"xatol": 1e-14})
    return float(np.exp(best.x))


def platt(truth, p):
    y, x = truth == 0, np.log(p[:, 0]) - np.log(p[:, 1])
    t = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))  # Platt's

    def loss(ab):
        z = ab[0] * x + ab[1]
        return np.sum(np.logaddexp(0, z) - t * z)

    def gradient(ab):
        gap = 1 / (1 + np.exp(-(ab[0] * x + ab[1]))) - t
        return np.array([gap @ x, gap.sum()])

    def hessian(ab):
        q = 1 / (1 + np.exp(-(ab[0] * x + ab[1])))
        w = q * (1 - q)
        return np.array([[w @ (x * x), w @ x], [w @ x, w.sum()]])

    best = minimize(loss, [1.0, 0.0], jac=gradient, hess=hessian, method="trust-exact").x
    for _ in range(5):  # to the last digit
        best = best - np.linalg.solve(hessian(best), gradient(best))
    # scikit-learn's own (opposite sign), which stops earlier.
    a, b = _sigmoid_calibration(x, y)
    return {"slope": float(best[0]), "intercept": float(best[1]), "scikit_learn": [float(-a), float(-b)]}


def brier_parts(truth, p):
    score = recalibrated = uncertainty = 0.0
    classes = [0] if p.shape[1] == 2 else range(p.shape[1])
    for c in classes:
        y = (truth == c).astype(float)
        score += brier_score_loss(y, p[:, c])
        fitted = IsotonicRegression(y_min=0, y_max=1).fit(p[:, c], y).predict(p[:, c])
        recalibrated += np.mean((fitted - y) ** 2)
        uncertainty += np.mean((y.mean() - y) ** 2)
    return [float(v) for v in (score, score - recalibrated, uncertainty - recalibrated, uncertainty)]


def youden(truth, p):
    fpr, tpr, _ = roc_curve(truth == 0, p[:, 0], drop_intermediate=False)
    return float((tpr - fpr).max() + 1)


def at(truth, p, threshold, prevalence):
    y, called = truth == 0, p[:, 0] >= threshold
    se, sp = called[y].mean(), (~called[~y]).mean()
    ppv = se * prevalence / (se * prevalence + (1 - sp) * (1 - prevalence))
    npv = sp * (1 - prevalence) / (sp * (1 - prevalence) + (1 - se) * prevalence)
    return {"threshold": threshold, "prevalence": prevalence, "expected": [float(v) for v in (se, sp, ppv, npv)]}


def main():
    cases = []
    for seed, films, classes, sharpness, step in [
        (1, 120, 2, 2.5, None), (2, 300, 2, 0.5, None), (3, 200, 2, 4.0, 0.02), (4, 240, 3, 3.0, None), (5, 300, 5, 0.7, None),
    ]:
        truth, p = draw(seed, films, classes, sharpness, step)
        p = p.round(12)
        case = {
            "truth": truth.tolist(),
            "probabilities": p.tolist(),
            "slope": temperature(truth, p),
            "brier": brier_parts(truth, p),
        }
        if classes == 2:
            case |= {"platt": platt(truth, p), "youden": youden(truth, p)}
            case["points"] = [at(truth, p, t, prevalence) for t in (0.3, 0.5, 0.7) for prevalence in (0.01, 0.4)]
        cases.append(case)
    text = ",\n".join(json.dumps(case) for case in cases)
    Path(__file__).with_name("operation.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
