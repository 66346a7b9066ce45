"""One peer at one work: chooses its fastest setting, says so, then takes a round for each line it reads.

Usage: worker.py PEER WORK NETWORK BATCH PRECISION --data FOLDER [--variant NAME] [--seconds S]
"""

import argparse
import importlib
import json
import os
import sys
import time

THREADS = 2


def timed(step, seconds):
    """Films per second over at least `seconds`; a step gives the number of films that it took."""
    films, begun = 0, time.perf_counter()
    while films == 0 or time.perf_counter() - begun < seconds:
        films += step()
    return films / (time.perf_counter() - begun)


def try_out(build, seconds):
    """The step, and its speed in the fastest of some short windows."""
    step = build()
    # The first step compiles, packs weights and fills caches.
    step()
    begun, speeds = time.perf_counter(), []
    while len(speeds) < 2 or (len(speeds) < 4 and time.perf_counter() - begun < 3.0):
        speeds.append(timed(step, min(seconds, 0.7)))
    return step, max(speeds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("work")
    parser.add_argument("network")
    parser.add_argument("batch", type=int)
    parser.add_argument("precision")
    parser.add_argument("--data")
    parser.add_argument("--variant")
    parser.add_argument("--seconds", type=float, default=1.5)
    arguments = parser.parse_args()

    # Whatever a library prints goes to standard error; the answers go where standard output was.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    peer = importlib.import_module(f"peer_{arguments.peer}")
    variants = peer.variants(arguments)
    if arguments.variant:
        variants = {arguments.variant: variants[arguments.variant]}
    best, tried = None, {}
    for name, build in variants.items():
        try:
            step, speed = try_out(build, arguments.seconds)
        except Exception as error:
            print(f"{name}: {error!r}", file=sys.stderr)
            tried[name] = None
            continue
        tried[name] = round(speed, 2)
        if best is None or speed > best[2]:
            best = (name, step, speed)
        del step
    if best is None:
        sys.exit("no setting works")
    name, step, _ = best

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    answer({"variant": name, "tried": tried, "version": peer.VERSION, "parameters": peer.parameters()})
    for _ in sys.stdin:
        answer({"films_per_second": timed(step, arguments.seconds)})


if __name__ == "__main__":
    main()
