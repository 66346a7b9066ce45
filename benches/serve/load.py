"""Clients that send films, one after the other, over connections that stay open.

usage: load.py ADDRESS PATH CLIENTS SECONDS FILM…   prints JSON: requests/s, p50, p99 in ms, and what was not 200
"""

import asyncio
import collections
import json
import pathlib
import sys
import time

host, port = sys.argv[1].split(":")
path, clients, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
films = [pathlib.Path(name).read_bytes() for name in sys.argv[5:]]
heads = [
    f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(film)}\r\n\r\n".encode()
    for film in films
]


async def client(number, until, times, statuses):
    reader = writer = None
    at = number * 7
    while time.perf_counter() < until:
        if writer is None:
            reader, writer = await asyncio.open_connection(host, int(port))
        at += 1
        begun = time.perf_counter()
        writer.write(heads[at % len(films)])
        writer.write(films[at % len(films)])
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
        statuses[int(head[9:12])] += 1
        if b"connection: close" in lower:
            writer.close()
            writer = None


async def main():
    # The first second warms up.
    times, statuses = [], collections.Counter()
    for duration in (1.0, seconds):
        times.clear()
        statuses.clear()
        begun = time.perf_counter()
        await asyncio.gather(*(client(number, begun + duration, times, statuses) for number in range(clients)))
        elapsed = time.perf_counter() - begun
    times.sort()
    print(
        json.dumps(
            {
                "requests_per_second": round(len(times) / elapsed, 1),
                "p50_ms": round(1e3 * times[len(times) // 2], 1),
                "p99_ms": round(1e3 * times[min(len(times) - 1, int(0.99 * len(times)))], 1),
                "statuses": dict(statuses),
            }
        )
    )


asyncio.run(main())
