"""Trains two epochs with `--tensorboard` and `--mlflow` against a real local `mlflow server`, and reads both back: with
TensorBoard's own reader and with MLflow's own client.

    python read_back.py PLAINFILM FOLDER_OF_FILMS
"""

import csv
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

program, films = sys.argv[1:3]
port = 5077
address = f"http://127.0.0.1:{port}"
with tempfile.TemporaryDirectory() as scratch:
    scratch = Path(scratch)
    server = subprocess.Popen(
        [Path(sys.executable).parent / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
         "--backend-store-uri", f"sqlite:///{scratch}/mlflow.db", "--artifacts-destination", str(scratch / "artifacts"), "--workers", "1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2)
                break
            except OSError:
                time.sleep(1)
        run = scratch / "run"
        subprocess.run(
            [program, "train", films, "--run", run, "--epochs", "2", "--size", "32", "--tensorboard", "--mlflow", address,
             "--mlflow-experiment", "read back"],
            check=True, stdout=subprocess.DEVNULL,
        )
        history = list(csv.DictReader(open(run / "history.csv")))
        board = EventAccumulator(str(run / "tensorboard"))
        board.Reload()
        client = MlflowClient(address)
        experiment = client.get_experiment_by_name("read back")
        (found,) = client.search_runs([experiment.experiment_id])
        assert found.info.status == "FINISHED", found.info.status
        for name in ["train_loss", "train_accuracy", "validation_loss"]:
            expected = [float(row[name]) for row in history]
            by_board = [event.value for event in board.Scalars(f"epoch/{name}")]
            by_mlflow = [m.value for m in sorted(client.get_metric_history(found.info.run_id, f"epoch/{name}"), key=lambda m: m.step)]
            for own, other, third in zip(expected, by_board, by_mlflow, strict=True):
                assert abs(own - other) < 1e-5 and abs(own - third) < 1e-5, (name, own, other, third)
        assert found.data.params["epochs"] == "2" and "test/accuracy" in found.data.metrics
        print(f"TensorBoard: {len(board.Tags()['scalars'])} scalars; MLflow: {len(found.data.metrics)} metrics, {len(found.data.params)} parameters; all as in history.csv")
    finally:
        server.terminate()
        server.wait()
