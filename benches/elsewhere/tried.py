"""What was tried for films from elsewhere, by sources left out in turn, on features that were computed before.

    bench-elsewhere gather target/elsewhere/data COVID-XRAY COVID-XRAY-MORE LUNGS
    bench-elsewhere features target/elsewhere/data benches/elsewhere/recipes.toml probe WEIGHTS target/elsewhere/probe
    bench-elsewhere features target/elsewhere/data benches/elsewhere/recipes.toml lungs-scanner WEIGHTS target/elsewhere/lungs-scanner
    python benches/elsewhere/tried.py target/elsewhere

Needs numpy and scikit-learn. Every source with films of Covid-19 and others is left out, with its patients' other
films; films are compared within their source. Training films weigh as their label and the root of their source's size
say.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

ROOT = Path(sys.argv[1])
ROWS = {row["path"]: row for row in csv.DictReader(open(ROOT / "data/manifest.csv"))}
FEWEST = 3


def load(name):
    paths = (ROOT / f"{name}.csv").read_text().splitlines()
    return [ROWS[path] for path in paths], np.load(ROOT / f"{name}.npy")


def weights(source, label):
    weight = np.zeros(len(label))
    for kind in (0, 1):
        for name in set(source[label == kind]):
            films = (label == kind) & (source == name)
            weight[films] = films.sum() ** -0.5
        weight[label == kind] /= weight[label == kind].sum()
    return weight * len(label) / 2


def left_out(rows, features, fit, views, averaged=False):
    label = np.array([row["label"] == "Covid-19" for row in rows]).astype(int)
    source = np.array([row["source"] for row in rows])
    patient = np.array([row["patient_id"] for row in rows])
    won = pairs = 0
    for name in sorted(set(source)):
        test = source == name
        if name == "" or min(np.bincount(label[test], minlength=2)) < FEWEST:
            continue
        train = np.where(~test & ~np.isin(patient, patient[test]))[0]
        shown = features[train, :views].reshape(-1, features.shape[2])
        scaler = StandardScaler().fit(shown)
        weight = np.repeat(weights(source[train], label[train]), views) / views
        score = fit(scaler.transform(shown), np.repeat(label[train], views), weight)
        asked = features[test] if averaged else features[test][:, :1]
        scores = np.mean([score(scaler.transform(asked[:, view])) for view in range(asked.shape[1])], axis=0)
        covid, other = scores[label[test] == 1], scores[label[test] == 0]
        won += (covid[:, None] > other).sum() + (covid[:, None] == other).sum() / 2
        pairs += len(covid) * len(other)
    return won / pairs


def logistic(strength):
    def fit(shown, label, weight):
        return LogisticRegression(C=strength, max_iter=300).fit(shown, label, sample_weight=weight).decision_function

    return fit


def axes(count):
    def fit(shown, label, weight):
        axes = PCA(count, random_state=0).fit(shown[::4])
        project = lambda films: axes.transform(films) / np.sqrt(axes.explained_variance_)
        model = LogisticRegression(C=0.1, max_iter=300).fit(project(shown), label, sample_weight=weight)
        return lambda films: model.decision_function(project(films))

    return fit


def kernel(shown, label, weight):
    return SVC().fit(shown[::2], label[::2], sample_weight=20 * weight[::2]).decision_function


for name in sys.argv[2:] or ["probe", "lungs-scanner"]:
    rows, features = load(name)
    views = features.shape[1]
    for what, fit, averaged in [
        ("logistic, C 0.01", logistic(1e-2), False),
        ("logistic, C 0.001", logistic(1e-3), False),
        ("logistic, C 0.0001", logistic(1e-4), False),
        ("logistic, scores of all views averaged", logistic(1e-3), True),
        ("32 principal axes", axes(32), False),
        ("64 principal axes", axes(64), False),
        ("radial kernel", kernel, False),
    ]:
        print(f"{name:<16} {what:<40} {left_out(rows, features, fit, views, averaged):.3f}", flush=True)
