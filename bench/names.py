#!/usr/bin/env python3
"""Palisade's name comparison beside nomenklatura's logic-v2, live, on identical pairs.

    cargo run --release -p palisade-money --example names -- pairs > ours.csv
    python3 -m venv V && V/bin/pip install nomenklatura followthemoney
    V/bin/python bench/names.py CASES.csv ours.csv [PEER_SCORES.csv]

CASES.csv is `contrib/name_bench/cases.csv` of opensanctions/nomenklatura (MIT).

Every entity gets an id of its own: logic-v2 keeps its analysis of names by id, so that re-used ids
make all pairs share the first one's. Names are added afresh in the timed loop, as ours are taken
apart afresh in the example.
"""
import csv
import random
import statistics
import sys
import time
import uuid

from followthemoney import model
from nomenklatura.matching import get_algorithm

try:
    from followthemoney import ValueEntity
except ImportError:
    from followthemoney.entity import ValueEntity


def entity(schema, name):
    e = ValueEntity(model.get(schema), {"id": uuid.uuid4().hex})
    e.add("name", name)
    return e


def f1(pairs):
    tp = sum(1 for same, says in pairs if same and says)
    fp = sum(1 for same, says in pairs if not same and says)
    fn = sum(1 for same, says in pairs if same and not says)
    return 2 * tp / max(1, 2 * tp + fp + fn)


def main():
    cases = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
    ours = {int(r["row"]): r for r in csv.DictReader(open(sys.argv[2], encoding="utf-8"))}
    algorithm = get_algorithm("logic-v2")
    config = algorithm.default_config()
    for row in cases[:50]:  # warm caches
        algorithm.compare(entity(row["schema"], row["name1"]), entity(row["schema"], row["name2"]), config)
    rows, times = [], []
    for at, row in enumerate(cases, 1):
        a, b = entity(row["schema"], row["name1"]), entity(row["schema"], row["name2"])
        start = time.perf_counter()
        score = algorithm.compare(a, b, config).score
        times.append(time.perf_counter() - start)
        own = ours[at]
        rows.append((row["is_match"] == "true", float(own["palisade"]) >= 0.5, score >= 0.7, own["development"] == "true", score))
    print(f"logic-v2: {statistics.median(times) * 1e6:.0f} µs a pair (median), {sum(times) / len(times) * 1e6:.0f} (mean)")
    if len(sys.argv) > 3:
        kept = [float(r["logic-v2"]) for r in csv.DictReader(open(sys.argv[3], encoding="utf-8"))]
        apart = [at + 1 for at, (r, k) in enumerate(zip(rows, kept)) if abs(r[4] - k) > 0.005]
        print(f"{len(apart)} rows score otherwise than in the kept file: {apart[:20]}")
    for what, of in (("held out", [r for r in rows if not r[3]]), ("development", [r for r in rows if r[3]]), ("all (ours in sample on development)", rows)):
        own, peer = f1([(r[0], r[1]) for r in of]), f1([(r[0], r[2]) for r in of])
        dice = random.Random(11)
        drawn = []
        for _ in range(2_000):
            pick = dice.choices(of, k=len(of))
            drawn.append(f1([(r[0], r[1]) for r in pick]) - f1([(r[0], r[2]) for r in pick]))
        drawn.sort()
        print(f"{what}: n {len(of)}, F1 ours {own:.3f}, logic-v2 {peer:.3f}, difference {own - peer:+.3f} [{drawn[50]:+.3f}, {drawn[1949]:+.3f}]")


if __name__ == "__main__":
    main()
