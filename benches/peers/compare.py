"""Takes turns between bench-conv and the other programs, and prints one table.

Each side is a process that stays: it builds the network, warms up, says what it is, and then takes one
round for each line that it is sent. So both sides meet the same other load on the machine, and neither
runs while the other is timed. Rounds are kept in target/peers/results.json, and later calls add to
them; figures are medians of all rounds. `--fresh` forgets the rounds of the rows that are run.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUTPUT = ROOT / "target" / "peers"
THREADS = 2
# Workers of one side may still spin for a while after its round.
PAUSE = 0.3
# A round in which other programs took more than this share of the machine is taken again, so often.
DISTURBED, ATTEMPTS = 0.08, 4

# Work, network, our precision; goals as (peers, their precision, ratio). Of several peers in one goal
# the fastest counts. Peers without a goal are shown for comparison.
F32, BF16 = "f32", "bf16"
ROWS = [
    ("whole-step", "darkcovidnet", F32, [(["torch"], F32, 1.7), (["torch"], BF16, 1.0)]),
    ("train-step", "darkcovidnet", F32, [(["torch"], F32, None), (["torch"], BF16, None)]),
    ("train-step", "vgg16", F32, [(["torch"], F32, 1.3)]),
    ("train-step", "resnet18", F32, [(["torch"], F32, 1.3)]),
    ("train-step", "darkcovidnet", BF16, [(["torch"], BF16, None)]),
    ("train-step", "vgg16", BF16, [(["torch"], BF16, None)]),
    ("train-step", "resnet18", BF16, [(["torch"], BF16, None)]),
    ("forward", "vgg16", F32, [(["keras", "onnxruntime", "torch"], F32, 1.2), (["openvino"], F32, None)]),
    ("forward", "darkcovidnet", F32, [(["onnxruntime"], F32, 1.2), (["openvino"], F32, None)]),
    ("forward", "resnet18", F32, [(["onnxruntime"], F32, None)]),
    ("forward", "mobilenet-v2", F32, [(["onnxruntime"], F32, 1.0)]),
    ("forward", "densenet121", F32, [(["onnxruntime"], F32, 1.0)]),
    ("forward", "vgg16", BF16, [(["openvino"], BF16, 0.5), (["torch"], BF16, 1.5)]),
    ("forward", "darkcovidnet", BF16, [(["openvino"], BF16, 0.5), (["torch"], BF16, 1.5)]),
]
BATCHES = [8, 32]


class Side:
    """A process that takes rounds. `hello` is what it said of itself, or None if it refused; then
    `problem` is the last that it said. What it has to say else is in a log of its own."""

    def __init__(self, name, command):
        environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "RAYON_NUM_THREADS": str(THREADS)}
        self.log = OUTPUT / f"{name}.log"
        self.process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
        )
        line = self.process.stdout.readline()
        self.hello = json.loads(line) if line else None
        self.problem = None if line else self.last_words()

    def last_words(self):
        self.process.wait()
        return (self.log.read_text().strip().splitlines() or ["nothing"])[-1]

    def round(self):
        """Films per second, and the share of the machine that other programs took meanwhile."""
        time.sleep(PAUSE)
        began, busy, own = time.monotonic(), machine_seconds(), self.seconds()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.last_words())
        elapsed = time.monotonic() - began
        others = (machine_seconds() - busy) - (self.seconds() - own)
        return json.loads(line)["films_per_second"], max(0.0, others / elapsed / os.cpu_count())

    def seconds(self):
        """Processor time of the process and its loader processes so far."""
        ticks, family = 0, {self.process.pid}
        for path in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(path.parent.name) in family or int(fields[1]) in family:
                family.add(int(path.parent.name))
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def undisturbed(self):
        """The first round in which others took little, else the one in which they took least."""
        rounds = []
        for _ in range(ATTEMPTS):
            rounds.append(self.round())
            if rounds[-1][1] <= DISTURBED:
                break
        return min(rounds, key=lambda round: round[1] if round[1] > DISTURBED else 0.0)

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def machine_seconds():
    """Processor time that the machine has spent on anything, or that its host has kept, so far."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    idle, waiting = 3, 4
    ticks = sum(int(field) for at, field in enumerate(fields) if at not in (idle, waiting))
    return ticks / os.sysconf("SC_CLK_TCK")


def ours(arguments, work, network, batch, precision):
    command = [ROOT / "target/release/bench-conv", work, network, "--batch", str(batch)]
    command += ["--precision", precision, "--seconds", str(arguments.seconds), "--wait"]
    if work == "whole-step":
        command += ["--data", arguments.data, "--labels", "Covid-19,No_findings"]
    return Side("ours", command)


def peer(arguments, name, work, network, batch, precision, chosen):
    command = [sys.executable, HERE / "worker.py", name, work, network, batch, precision]
    command += ["--seconds", arguments.seconds, "--data", arguments.data]
    command += ["--variant", chosen] if chosen else []
    return Side(f"{name}-{precision}", command)


def measure(arguments, row, entry):
    """Adds rounds of both sides to `entry`."""
    work, network, precision, goals = row
    batch = entry["batch"]
    sides = {}
    ours_side = ours(arguments, work, network, batch, precision)
    if ours_side.hello:
        sides["ours"] = ours_side
        entry["ours"].setdefault("parameters", ours_side.hello["parameters"])
    else:
        entry["ours"]["problem"] = ours_side.problem
        print(f"  ours: {ours_side.problem}", file=sys.stderr)
    try:
        for names, peer_precision, _ in goals:
            for name in names:
                key = f"{name} {peer_precision}"
                found = entry["peers"].setdefault(key, {"rounds": []})
                side = peer(arguments, name, work, network, batch, peer_precision, found.get("variant"))
                if not side.hello:
                    found["problem"] = side.problem
                    print(f"  {key}: {side.problem}", file=sys.stderr)
                    continue
                sides[key] = side
                found["version"] = side.hello["version"]
                found["variant"] = side.hello["variant"]
                found.setdefault("tried", side.hello["tried"])
                counted, expected = side.hello["parameters"], entry["ours"].get("parameters")
                if counted and expected and counted != expected:
                    raise RuntimeError(f"{key}: {counted} parameters, ours has {expected}")
                print(f"  {key}: {found['tried']}", file=sys.stderr)
        for _ in range(arguments.rounds):
            for key, side in sides.items():
                kept = entry["ours"] if key == "ours" else entry["peers"][key]
                speed, others = side.undisturbed()
                kept["rounds"].append(round(speed, 2))
                kept.setdefault("others", []).append(round(others, 3))
                print(f"  {key}: {speed:.1f} (others {others:.0%})", file=sys.stderr)
    finally:
        for side in sides.values():
            side.end()


def middle(kept):
    """The median of the rounds in which others took little, or of all where there are none, and whether
    others took much."""
    rounds = list(zip(kept["rounds"], kept.get("others", [])))
    if not rounds:
        return None, False
    calm = [speed for speed, others in rounds if others <= DISTURBED]
    return statistics.median(calm or [speed for speed, _ in rounds]), not calm


def table(results):
    """The rows as cells: one for each goal and, where a goal names several peers, each peer."""
    lines = []
    for work, network, precision, goals in ROWS:
        for batch in BATCHES:
            entry = results.get(f"{work} {network} {precision} {batch}")
            if entry is None:
                continue
            speed, disturbed = middle(entry["ours"])
            for names, peer_precision, goal in goals:
                found = {}
                for name in names:
                    kept = entry["peers"].get(f"{name} {peer_precision}", {"rounds": []})
                    if kept["rounds"]:
                        found[name] = middle(kept)
                best = max((one for one, _ in found.values()), default=None)
                for name in found or names:
                    one, also = found.get(name, (None, False))
                    counts = goal is not None and one == best and one is not None
                    ratio = speed / one if speed and one else None
                    lines.append(
                        {
                            "work": work,
                            "network": network,
                            "batch": batch,
                            "precision": precision,
                            "ours": speed,
                            "offered": "problem" not in entry["ours"],
                            "peer": f"{name} {peer_precision}",
                            "variant": entry["peers"].get(f"{name} {peer_precision}", {}).get("variant"),
                            "peer_films_per_second": one,
                            "ratio": ratio,
                            "goal": goal if counts else None,
                            "disturbed": disturbed or also,
                            # What was measured beside other load decides nothing: it slows the
                            # sides unequally.
                            "met": ratio >= goal if ratio and counts and not (disturbed or also) else None,
                        }
                    )
    return lines


def printed(lines):
    def number(value, digits=1):
        return "-" if value is None else f"{value:,.{digits}f}"

    header = ["work", "network", "batch", "ours", "films/s", "peer", "setting", "films/s", "ratio", "goal", ""]
    cells = [header]
    for line in lines:
        cells.append(
            [
                line["work"],
                line["network"],
                str(line["batch"]),
                line["precision"],
                number(line["ours"]) if line["offered"] else "not offered",
                line["peer"],
                line["variant"] or "-",
                number(line["peer_films_per_second"]),
                number(line["ratio"], 2),
                number(line["goal"]),
                "disturbed" if line["disturbed"] else {None: "", True: "met", False: "missed"}[line["met"]],
            ]
        )
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    right = {2, 4, 7, 8, 9}
    for row in cells:
        text = "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        )
        print(text.rstrip())


def cpu():
    try:
        text = Path("/proc/cpuinfo").read_text()
        return re.search(r"model name\s*: (.*)", text).group(1)
    except (OSError, AttributeError):
        return None


def save(store, results):
    machine = {"cpu": cpu(), "threads": THREADS}
    whole = {"machine": machine, "rows": results, "table": table(results)}
    store.write_text(json.dumps(whole, indent=1) + "\n")


def main():
    # Ended from outside it still keeps its rounds and ends its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", help="the folder covid-xray")
    parser.add_argument("--rows", default="", help="only rows in whose 'work network precision' this pattern is found")
    parser.add_argument("--batch", type=int, choices=BATCHES, help="only this batch size")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side; 0 only chooses the peers' settings")
    parser.add_argument("--seconds", type=float, default=1.5, help="least length of a round")
    parser.add_argument("--fresh", action="store_true", help="forget earlier rounds of these rows")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what is there")
    arguments = parser.parse_args()

    OUTPUT.mkdir(parents=True, exist_ok=True)
    store = OUTPUT / "results.json"
    results = json.loads(store.read_text())["rows"] if store.is_file() else {}
    for row in ROWS:
        work, network, precision, _ = row
        if arguments.table or not re.search(arguments.rows, f"{work} {network} {precision}"):
            continue
        for batch in [arguments.batch] if arguments.batch else BATCHES:
            key = f"{work} {network} {precision} {batch}"
            print(key, file=sys.stderr)
            if arguments.fresh or key not in results:
                results[key] = {"batch": batch, "ours": {"rounds": []}, "peers": {}}
            try:
                measure(arguments, row, results[key])
            finally:
                save(store, results)
    printed(table(results))


if __name__ == "__main__":
    main()
