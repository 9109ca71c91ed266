#!/usr/bin/env python3
"""How well campaigns of exercises are joined, without investigating anew for each change of the joining.

`dump` plays all scenarios once with the binary and keeps, per case, what joining looks at: findings, how common their
observables are, and what each finding really belongs to. `score` joins such dumps with `rejoin` (an example of the
campaign room) and prints pairwise F1 of every planted campaign, as `palisade demo` computes it; in seconds, not minutes.

What it never does: tune. Seeds 1 to 5 are for choosing, all others for scoring once.
"""

import argparse
import collections
import csv
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

SCENARIOS = ["energy", "exchange", "election", "wiper", "twins", "flag"]


def evidence_name(path, root):
    """The part of a citation's path below the evidence folder."""
    parts = Path(path).parts
    return "/".join(parts[parts.index("evidence") + 1:]) if "evidence" in parts else path


def dump_case(evidence, folder, target):
    """One played scenario, as lines of JSON: a head, counts of observables, findings."""
    truth = json.loads((folder / "truth.json").read_text())
    planted = {}
    for group in truth["groups"]:
        for step in group["steps"]:
            for record in step["records"]:
                planted[(record["file"], record["record"])] = (group["name"], group["kind"], step["name"])
    db = sqlite3.connect(f"file:{folder / 'case' / 'knowledge.db'}?mode=ro", uri=True)
    cited = collections.defaultdict(list)
    query = ("SELECT c.finding, s.first_path, c.record FROM citation c JOIN source s ON s.id = c.source "
             "ORDER BY c.finding, c.source, c.member_key, c.record, c.byte_offset")
    for finding, path, record in db.execute(query):
        cited[finding].append((evidence_name(path, folder), record))
    findings = []
    query = "SELECT id, time_us, rule_id, title, severity, vector, host, attack, observables FROM finding ORDER BY id"
    for id_, time, rule, title, severity, vector, host, attack, observables in db.execute(query):
        own = [r for r in cited[id_] if r in planted]
        of = planted[own[0]] if own and 2 * len(own) >= len(cited[id_]) else None
        findings.append({
            "id": id_, "time": time, "rule": rule, "title": title, "severity": severity, "vector": vector,
            "host": host, "attack": json.loads(attack),
            "observables": [f"{o['type']}:{o['value']}" for o in json.loads(observables)],
            "group": of and of[0], "kind": of and of[1], "step": of and of[2],
        })
    origins = {}
    head = {"campaigns": [g["name"] for g in truth["groups"] if g["kind"] == "campaign"]}
    counts = []
    looked = subprocess.run([evidence, str(folder / "case")], check=True, capture_output=True, text=True).stdout
    for line in looked.splitlines():
        row = json.loads(line)
        if "events" in row and "observable" not in row:
            head["events"] = row["events"]
        elif "observable" in row:
            counts.append(line)
        else:
            origins[row["id"]] = row["origin"]
    with target.open("w") as out:
        print(json.dumps(head), file=out)
        for line in counts:
            print(line, file=out)
        for f in findings:
            f["origin"] = origins.get(f["id"])
            print(json.dumps(f), file=out)


def dump(args):
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    for what in args.exercises:
        seed, days, scale = what.split(":")
        played = work / f"{seed}-{days}-{scale}"
        if all((work / f"{played.name}-{s}.ndjson").exists() for s in SCENARIOS):
            continue
        done = subprocess.run(
            [args.binary, "demo", "--scenario", "all", "--seed", seed, "--days", days, "--scale", scale,
             "--out", str(played), "--format", "json"], capture_output=True, text=True)
        (work / f"{played.name}.json").write_text(done.stdout)
        for scenario in SCENARIOS:
            dump_case(args.evidence, played / scenario, work / f"{played.name}-{scenario}.ndjson")
        if not args.keep:
            shutil.rmtree(played)
        print(played.name, file=sys.stderr)


def pairs(n):
    return n * (n - 1) // 2


def score_case(path, groups):
    """Of each planted campaign: pairwise F1 and what it was merged with, as the exercise room scores it."""
    lines = [json.loads(line) for line in path.open()]
    head, findings = lines[0], [f for f in lines if "id" in f]
    clusters = collections.defaultdict(list)
    for f in findings:
        clusters[groups.get(f["id"])].append(f)
    loose = clusters.pop(None, [])
    out = []
    for name in head["campaigns"]:
        mine = sum(f["group"] == name for f in findings)
        right = told = 0
        merged, noise, parts = set(), 0, 0
        for members in clusters.values():
            own = sum(f["group"] == name for f in members)
            if own:
                parts += 1
                right += pairs(own)
                told += pairs(len(members))
                merged |= {f["group"] for f in members if f["group"] and f["group"] != name}
                noise += sum(f["group"] is None for f in members)
        p = right / told if told else 1.0
        r = right / pairs(mine) if mine > 1 else 1.0
        f1 = 2 * p * r / (p + r) if p + r and mine else 0.0
        out.append({"case": path.stem, "campaign": name, "f1": f1, "p": p, "r": r, "findings": mine, "noise": noise,
                    "parts": parts, "loose": sum(f["group"] == name for f in loose), "merged": sorted(merged)})
    return out


def score(args):
    rows = []
    dumps = sorted(Path(d) for d in args.dumps)
    done = subprocess.run([args.rejoin, *map(str, dumps)], check=True, capture_output=True, text=True).stdout
    by_case = collections.defaultdict(dict)
    for case, finding, group in csv.reader(done.splitlines()):
        by_case[case][finding] = group
    for path in dumps:
        rows += score_case(path, by_case[str(path)])
    if args.all:
        for r in sorted(rows, key=lambda r: r["f1"]):
            if r["f1"] < args.all or r["merged"]:
                print(f"{r['case']:<28} {r['f1']:.3f} P {r['p']:.2f} R {r['r']:.2f} of {r['findings']:>3} parts {r['parts']} "
                      f"loose {r['loose']} noise {r['noise']} {r['merged'] or ''}")
    scenario = lambda r: r["case"].rsplit("-", 1)[1]
    for name in [*sorted({scenario(r) for r in rows}), "all"]:
        of = [r for r in rows if name in ("all", scenario(r))]
        mean = sum(r["f1"] for r in of) / len(of)
        print(f"{name:<10} {len(of):>4} campaigns  mean F1 {mean:.4f}  at .95 {sum(r['f1'] >= 0.95 for r in of):>4}  "
              f"least {min(r['f1'] for r in of):.2f}  merged {sum(bool(r['merged']) for r in of)}  "
              f"noise {sum(r['noise'] for r in of)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    d = commands.add_parser("dump", help="play exercises and keep what joining looks at")
    d.add_argument("--binary", default="palisade")
    d.add_argument("--evidence", default="target/release/examples/evidence", help="the example of the pipeline room")
    d.add_argument("--work", required=True)
    d.add_argument("--keep", action="store_true", help="keep evidence and cases")
    d.add_argument("exercises", nargs="+", metavar="SEED:DAYS:SCALE")
    d.set_defaults(run=dump)
    s = commands.add_parser("score", help="join dumps and score")
    s.add_argument("--rejoin", default="target/release/examples/rejoin")
    s.add_argument("--all", type=float, default=0.0, metavar="F1", help="list campaigns below this, and merged ones")
    s.add_argument("dumps", nargs="+")
    s.set_defaults(run=score)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
