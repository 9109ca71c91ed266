#!/usr/bin/env python3
"""How much of each real sample is read: records that became events, of all lines, and how many of these are of a kind that is known.

  PALISADE_BIN=../target/release/palisade python3 readshare.py

Data: $PALISADE_TEST_DATA/host (default ../../shared/data): every log of Mordor's index.csv that is no network log, each line a record, and the test
events of panther-analysis, one log a file. Aim: at least 98 % of the lines of each sample; what is not read must be among the problems. Lines of auditd are joined
into events, so for these the events are fewer, and problems alone are counted.
"""

import collections
import csv
import json
import os
import subprocess
import sys
import tempfile

import panther

HERE = os.path.dirname(os.path.abspath(__file__))


def run(binary, files):
    """Summary and problems of one run, rules left out."""
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as out:
        command = [binary, "investigate", *files, "--format", "ndjson", "--output", out.name, "--quiet", "--no-hash", "--no-analytics"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        problems, summary = collections.Counter(), {}
        for line in open(out.name, encoding="utf-8"):
            o = json.loads(line)
            if o["kind"] == "problem":
                problems[o["code"]] += o.get("count", 1)
            elif o["kind"] == "summary":
                summary = o
    return summary, problems


def show(name, lines, binary, files):
    summary, problems = run(binary, files)
    events, odd = summary.get("events", 0), summary.get("unrecognised_events", 0)
    said = ", ".join(f"{n} {code}" for code, n in sorted(problems.items())) or "none"
    print(f"{name:<44} {lines:>8} {events:>8} {100 * events / max(lines, 1):>7.2f} % {odd:>6}  {said}", flush=True)


def main():
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    host = os.path.join(data, "host")
    binary = os.environ.get("PALISADE_BIN", os.path.join(HERE, "..", "target", "release", "palisade"))
    groups = collections.OrderedDict()
    with open(os.path.join(host, "mordor", "index.csv"), newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            if "zeek" in row["file"].lower():
                continue
            parts = row["file"].split("/")
            name = "/".join(parts[1:4]) if parts[1] == "atomic" else "/".join(parts[1:3])
            of = groups.setdefault(name, [0, []])
            of[0] += int(row["lines"])
            of[1].append(os.path.join(host, row["file"]))
    print(f"{'sample':<44} {'lines':>8} {'events':>8} {'share':>9} {'odd':>6}  problems")
    for name, (lines, files) in groups.items():
        show(name, lines, binary, files)
    with tempfile.TemporaryDirectory() as folder:
        for log, tests in sorted(panther.load(os.path.join(host, "panther-tests.jsonl.zst")).items()):
            path = os.path.join(folder, log + ".json")
            with open(path, "w", encoding="utf-8") as f:
                f.writelines(json.dumps(panther.native(t["event"])) + "\n" for t in tests)
            show("panther " + log, len(tests), binary, [path])


if __name__ == "__main__":
    main()
