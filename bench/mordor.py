#!/usr/bin/env python3
"""Labelled attack sets (Mordor): how many have a high or critical finding, how many the labelled technique, and how many high
findings lie outside it. Rules alone beside rules with analytics, or any two runs.

  PALISADE_BIN=../target/release/palisade python3 mordor.py [--rules DIR ...] [--jobs 2] [--json OUT]

Data: $PALISADE_TEST_DATA/host/mordor (default ../../shared/data). A labelled set is a Windows log of index.csv with techniques;
one set each, named by the file. Sets are parted in two halves by the SHA-256 of their name: one is for tuning, the other is looked at only to
measure. A technique counts as shown if a finding names it, its parent, or a sub-technique of it; older numbers are compared
through the table of knowledge/README.md.
"""

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile

RENUMBERED = {
    "T1562.001": "T1685", "T1562.002": "T1685.001", "T1562.008": "T1685.002", "T1562.012": "T1685.004",
    "T1070.001": "T1685.005", "T1562.004": "T1686",
}
HERE = os.path.dirname(os.path.abspath(__file__))


def current(technique):
    return RENUMBERED.get(technique, technique)


def same(found, label):
    """Whether a finding's technique is the labelled one, its parent or one of its children."""
    a, b = current(found), current(label)
    return a == b or a.startswith(b + ".") or b.startswith(a + ".")


def sets(root):
    """Labelled Windows sets: title, techniques, files."""
    with open(os.path.join(root, "index.csv"), newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            path = row["file"]
            windows = "/atomic/windows/" in path or "/LSASS_campaign_" in path
            if not row["techniques"] or not windows or not path.endswith(".json.zst"):
                continue
            name = path.removeprefix("mordor/").removesuffix(".json.zst")
            half = hashlib.sha256(name.encode()).digest()[0] % 2
            yield {"title": name, "labels": row["techniques"].split(";"), "half": ("tuning", "evaluation")[half],
                   "lines": int(row["lines"]), "files": [os.path.normpath(os.path.join(root, os.pardir, path))]}


def run(binary, files, extra):
    """Findings (severity, techniques, title and id, sources cited) and events per source, of one run."""
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as out:
        command = [binary, "investigate", *files, "--format", "ndjson", "--output", out.name, "--quiet", "--no-hash", *extra]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        findings = []
        for line in open(out.name, encoding="utf-8"):
            o = json.loads(line)
            if o["kind"] == "finding":
                sources = {c["source"].split("!")[0] for c in o["citations"]}
                findings.append((o["severity"], o["attack"], f"{o['rule']['title']} [{o['rule']['id']}]", sources))
        return findings


def measure(binary, chosen, extra, apart):
    """Per set what was found. Together: one run over all sets; what cites records of several sets belongs to none."""
    runs = [[s] for s in chosen] if apart else [chosen]
    out, across = [], 0
    for of in runs:
        by_file = {s["files"][0]: [] for s in of}
        for f in run(binary, [s["files"][0] for s in of], extra):
            if len(f[3]) == 1:
                by_file[next(iter(f[3]))].append(f)
            else:
                across += f[0] in ("high", "critical")
        for s in of:
            findings = by_file[s["files"][0]]
            grave = [f for f in findings if f[0] in ("high", "critical")]
            labelled = lambda f: any(same(t, l) for t in f[1] for l in s["labels"])
            out.append({
                "title": s["title"], "half": s["half"], "labels": s["labels"], "events": s["lines"],
                "high": len(grave) > 0,
                "technique": any(labelled(f) for f in findings),
                "high_outside": sum(not labelled(f) for f in grave),
                "grave": sorted({f[2] for f in grave}),
                "findings": len(findings),
            })
    if across:
        print(f"{across} high or critical findings cite records of several sets and are in no line below")
    return out


def show(name, results):
    for half in ("tuning", "evaluation", "all"):
        of = [r for r in results if half in (r["half"], "all")]
        n = len(of) or 1
        events = sum(r["events"] for r in of) or 1
        high, technique = sum(r["high"] for r in of), sum(r["technique"] for r in of)
        outside = sum(r["high_outside"] for r in of)
        print(f"{name:<16} {half:<11} {len(of):>4} sets  high+ {high:>3} ({100 * high / n:5.1f} %)  "
              f"technique {technique:>3} ({100 * technique / n:5.1f} %)  "
              f"high+ outside per 100k events {1e5 * outside / events:7.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs="*", default=[], help="rules besides the shipped ones")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--json", help="writes every set's result")
    parser.add_argument("--apart", action="store_true", help="a run per set (slow; rules are loaded each time)")
    parser.add_argument("--only", choices=["tuning", "evaluation"], help="one half")
    parser.add_argument("--variants", default="rules,analytics")
    args = parser.parse_args()
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    root = os.path.join(data, "host", "mordor")
    binary = os.environ.get("PALISADE_BIN", os.path.join(HERE, "..", "target", "release", "palisade"))
    extra = ["--jobs", args.jobs] + (["--rules", *args.rules] if args.rules else [])
    chosen = [s for s in sets(root) if args.only in (None, s["half"])]
    results = {}
    variants = {
        "foreign-rules": ["--no-shipped-rules"],
        "rules": ["--no-analytics"],
        "analytics": [],
        "plain": [],
    }
    for name in args.variants.split(","):
        results[name] = measure(binary, chosen, extra + variants[name], args.apart)
        show(name, results[name])
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
