#!/usr/bin/env python3
"""Writes what the other benchmarks printed into their tables.

usage: report.py FOLDER docs/performance.md

FOLDER has `times`, rows of a table already, and `instructions`, as gungraun prints them.
"""

import pathlib
import re
import sys

from run import write


def instructions(text: str) -> str:
    """One row a benchmark: its name and how many instructions it took."""
    lines = ["| what | instructions |", "|---|---|"]
    name = None
    for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines():
        if line and not line.startswith(" ") and "::" in line:
            function, _, rest = line.split("::", 2)[-1].partition(" ")
            name = f"{function}: {rest.partition(':')[0]}".replace("_", " ")
        found = re.match(r"\s+Instructions:\s+([0-9]+)\|", line)
        if found and name:
            lines.append(f"| {name} | {int(found[1]):,} |")
            name = None
    return "\n".join(lines) + "\n"


def times(text: str) -> str:
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return "\n".join(["| what | time | target |", "|---|---|---|", *rows]) + "\n"


folder, document = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
write(document, "times", times((folder / "times").read_text()))
write(document, "instructions", instructions((folder / "instructions").read_text()))
