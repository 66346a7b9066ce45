"""Connections that stall: half a head, half a body, or nothing at all; and good clients meanwhile.

usage: stalled.py ADDRESS CONNECTIONS FILM   prints when stalled connections were closed, and a good client's times
"""

import pathlib
import socket
import statistics
import sys
import time
import urllib.request

host, port = sys.argv[1].split(":")
count, film = int(sys.argv[2]), pathlib.Path(sys.argv[3]).read_bytes()


def good(seconds):
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.perf_counter()
        request = urllib.request.Request(f"http://{host}:{port}/v1/predict", data=film, method="POST")
        request.add_header("Content-Type", "application/octet-stream")
        urllib.request.urlopen(request, timeout=60).read()
        times.append(1e3 * (time.perf_counter() - begun))
    times.sort()
    return f"{len(times)} films, p50 {statistics.median(times):.1f} ms, p99 {times[int(0.99 * (len(times) - 1))]:.1f} ms"


print("alone:  ", good(6))
head = f"POST /v1/predict HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 100000\r\n".encode()
kinds = [b"", head[:20], head, head + b"\r\n" + film[:100]]
stalled = []
for number in range(count):
    connection = socket.create_connection((host, int(port)))
    connection.sendall(kinds[number % len(kinds)])
    stalled.append((number % len(kinds), connection))
print("stalled:", good(6))
begun = time.perf_counter()
closed = {}
while len(closed) < count and time.perf_counter() - begun < 90:
    time.sleep(1)
    for kind, connection in stalled:
        if connection in closed:
            continue
        connection.setblocking(False)
        try:
            said = connection.recv(4096)
        except BlockingIOError:
            continue
        except ConnectionError:
            said = b""
        closed[connection] = (kind, time.perf_counter() - begun, said[9:12].decode())
for kind, name in enumerate(("nothing sent", "half a line", "half a head", "half a body")):
    of = [(at, status) for own, at, status in closed.values() if own == kind]
    latest = max((at for at, _ in of), default=None)
    print(f"{name}: {len(of)} of {sum(own == kind for own, _ in stalled)} closed, the last {latest and round(latest)} s later,", sorted({status for _, status in of}))
