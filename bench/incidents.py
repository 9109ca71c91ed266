#!/usr/bin/env python3
"""Does one campaign of several steps come out as one incident? Labelled sets (Mordor) with several steps, each investigated into a case of
its own and joined.

  PALISADE_BIN=../target/release/palisade python3 incidents.py [--rules DIR ...] [--min-techniques 3]

Data: $PALISADE_TEST_DATA/host/mordor (default ../../shared/data). A set has several steps if it stands under `compound/` or its label names at
least so many techniques. Log4Shell holds two simulations, on Linux and two days later on Windows: two incidents are right. Logs of networks (Zeek) are left out: no room reads them yet. An incident is a campaign of `campaign list` that holds a high or critical
finding; all findings of a set are of one operator, so more than one incident, or grave findings in none, are the joining's fault.
"""

import argparse
import collections
import csv
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GRAVE = ("high", "critical")


def sets(root, least):
    """Files by set."""
    out = collections.OrderedDict()
    with open(os.path.join(root, "index.csv"), newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            path = row["file"].removeprefix("mordor/")
            if "zeek" in path.lower():
                continue
            parts = path.split("/")
            if parts[0] == "compound":
                name = "/".join(parts[:2])
            elif len([t for t in row["techniques"].split(";") if t]) >= least:
                name = path.removesuffix(".json.zst").removesuffix(".log.zst")
            else:
                continue
            out.setdefault(name, []).append(os.path.join(root, path))
    return out


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs="*", default=[], help="rules besides the shipped ones")
    parser.add_argument("--min-techniques", type=int, default=3)
    parser.add_argument("--only", help="sets whose name holds this")
    parser.add_argument("--keep", help="keeps the cases in this folder")
    args = parser.parse_args()
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    root = os.path.join(data, "host", "mordor")
    binary = os.environ.get("PALISADE_BIN", os.path.join(HERE, "..", "target", "release", "palisade"))
    rules = ["--rules", *args.rules] if args.rules else []
    print(f"{'set':<60} {'findings':>8} {'grave':>6} {'incidents':>9} {'campaigns':>9} {'grave in the first':>18} {'in none':>7}")
    one = of = 0
    for name, files in sets(root, args.min_techniques).items():
        if args.only and args.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            case = os.path.join(args.keep or folder, name.replace("/", "_").replace(" ", ""))
            found = os.path.join(folder, "found.ndjson")
            run([binary, "investigate", *files, "--case", case, "--format", "ndjson", "--output", found, "--quiet", *rules])
            joined = json.loads(run([binary, "campaign", "list", "--case", case, "--format", "json"]))
            severity = {}
            for line in open(found, encoding="utf-8"):
                o = json.loads(line)
                if o["kind"] == "finding":
                    severity[o["id"]] = o["severity"]
        grave = {i for i, s in severity.items() if s in GRAVE}
        campaigns = [{f for s in c["steps"] for f in s["findings"]} & grave for c in joined["campaigns"]]
        incidents = sorted((len(c) for c in campaigns if c), reverse=True)
        loose = len(grave) - sum(incidents)
        print(f"{name[-60:]:<60} {len(severity):>8} {len(grave):>6} {len(incidents):>9} {len(campaigns):>9} "
              f"{incidents[0] if incidents else 0:>18} {loose:>7}", flush=True)
        if grave:
            of += 1
            one += len(incidents) == 1 and loose == 0
    print(f"{one} of {of} sets with grave findings are one incident")


if __name__ == "__main__":
    main()
