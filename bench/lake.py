#!/usr/bin/env python3
"""What the lake costs and how fast it answers, at 1, 10 and 100 million events, beside DuckDB.

    PALISADE_BIN=… lake.py --work DIR [--sizes 1M,10M,100M] [--steps ingest,query] [--seconds 1800]

Ingest: makes a file of events (`palisade-events`), runs `palisade investigate --case` on it,
deletes it, and so on; never more than --per-run events are on disk. Prints events per CPU-second
and per second of wall time, bytes per event of the lake (Parquet, index), of knowledge.db and of
the NDJSON it came from, and peak memory. CPU includes starting and loading rules at every run.

Queries: `palisade hunt --sql … --format csv` and DuckDB (2 threads, 2 GB, COPY to CSV) over the
same Parquet files, alternated in the same run, a process each; medians of --runs. Two times are
compared: the whole process, and what each says of itself (hunt's `N rows in S s`; in DuckDB from
connecting to the last row, its import left out).
  pivot       rows of an observable, 1,000 at most, by time: 200 observables that are there, half of
              them planted (1 to 50 hits), half taken at random from the files made (rare to very
              popular); p50, p95, worst. DuckDB has no index and is asked --duck-pivots of them.
  histograms  30 days by day and by hour
  top-N, distinct counts, a join of events with findings
Every process of `palisade` that grows over 2 GB is killed and the run fails.

Targets: pivot p95 and 30-day histograms of the whole process at most 1 s and 0.3 s, every query at
most 1.5 times DuckDB (each by its own clock), the same numbers of rows. Exit code 1 if one is missed.

What was done stands in DIR/<size>/state.json: a run that was stopped (--seconds, Ctrl-C) goes on
where it was. DIR/<size>/case stays for same.py and retrohunt.py.

Environment: PALISADE_BIN (required), PALISADE_EVENTS (default bench/target/release/palisade-events),
PALISADE_BENCH_DIR (instead of --work). Needs duckdb (requirements.txt).
"""

import argparse
import json
import os
import random
import sys
import time

from lakelib import (
    CAP_MB, Duck, Hunt, Run, binaries, count, duck_setup, fresh, knowledge_copies, machine, median, need_duckdb,
    percentile, read_csv, short, sizes, used_tables, work_folder,
)  # fmt: skip

FROM, DAYS = "2025-01-01", 365
PIVOT_LIMIT_S, HISTOGRAM_LIMIT_S, RATIO_LIMIT = 1.0, 0.3, 1.5
missed = []
PIVOT = (
    "SELECT _time, _host, _user, _shape, _source, _record FROM events "
    "WHERE array_has(_observables, '{}') ORDER BY _time LIMIT 1000"
)
WINDOW = "_time >= '2025-06-01T00:00:00Z' AND _time < '2025-07-01T00:00:00Z'"
# The same text runs in both.
QUERIES = {
    "30 days by day": f"SELECT date_trunc('day', _time) AS t, count(*) AS n FROM events WHERE {WINDOW} GROUP BY 1 ORDER BY 1",
    "30 days by hour": f"SELECT date_trunc('hour', _time) AS t, count(*) AS n FROM events WHERE {WINDOW} GROUP BY 1 ORDER BY 1",
    "30 days by day and shape": f"SELECT date_trunc('day', _time) AS t, _shape, count(*) AS n FROM events WHERE {WINDOW} GROUP BY 1, 2 ORDER BY 1, 2",
    "top 20 hosts": "SELECT _host, count(*) AS n FROM events GROUP BY _host ORDER BY n DESC, _host LIMIT 20",
    "events by shape": "SELECT _shape, count(*) AS n, min(_time) AS first, max(_time) AS last FROM events GROUP BY _shape ORDER BY n DESC, _shape",
    "distinct users and hosts": "SELECT count(DISTINCT _user) AS users, count(DISTINCT _host) AS hosts FROM events",
    "top 20 destinations, 30 days": f"SELECT DestinationIp, count(*) AS n, count(DISTINCT _host) AS hosts FROM windows_sysmon WHERE EventID = 3 AND {WINDOW} GROUP BY DestinationIp ORDER BY n DESC, DestinationIp LIMIT 20",
    "rare programs": "SELECT Image, count(DISTINCT _host) AS hosts FROM windows_sysmon WHERE EventID = 1 GROUP BY Image ORDER BY hosts, Image LIMIT 100",
    "events of one host, 30 days": f"SELECT _time, _shape, _user, _record FROM events WHERE _host = 'WKS-1234.corp.example.test' AND {WINDOW} ORDER BY _time, _source, _record",
    "events on hosts with findings": f"SELECT e._host, count(*) AS n FROM events e WHERE e._host IN (SELECT host FROM findings WHERE host IS NOT NULL) AND {WINDOW.replace('_time', 'e._time')} GROUP BY e._host ORDER BY n DESC, e._host LIMIT 20",
    "text in command lines": "SELECT _time, _host, CommandLine FROM windows_sysmon WHERE EventID = 1 AND CommandLine LIKE '%delete shadows%' ORDER BY _time LIMIT 100",
}
# Where the made-up events hold observables: (channel or key that tells the kind of record, field, kind).
HOLDERS = (
    ("Microsoft-Windows-Sysmon/Operational", "DestinationIp", "ip"),
    ("Microsoft-Windows-Sysmon/Operational", "QueryName", "domain"),
    ("Microsoft-Windows-Sysmon/Operational", "Hashes", "sha256"),
    ("Microsoft-Windows-Sysmon/Operational", "ProcessGuid", "process_guid"),
    ("Microsoft-Windows-Sysmon/Operational", "Image", "path"),
    ("Microsoft-Windows-Sysmon/Operational", "TargetFilename", "path"),
    ("Microsoft-Windows-Sysmon/Operational", "Hostname", "host"),
    ("Microsoft-Windows-Sysmon/Operational", "User", "account"),
    ("Security", "TargetUserSid", "sid"),
    ("Security", "IpAddress", "ip"),
)  # fmt: skip


class Size:
    """One size: its folder and what is known of it."""

    def __init__(self, work, events, per_file):
        self.events = events
        # A small set still comes in several files.
        self.per_file = min(per_file, max(1, events // 4))
        self.files = -(-events // self.per_file)
        self.folder = os.path.join(work, short(events))
        self.case = os.path.join(self.folder, "case")
        os.makedirs(self.folder, exist_ok=True)
        self.path = os.path.join(self.folder, "state.json")
        self.state = {"events": events, "per_file": self.per_file, "runs": [], "sample": []}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.state = json.load(file)
            if (self.state["events"], self.state["per_file"]) != (events, self.per_file):
                sys.exit(f"{self.path} is of other settings (events, --per-file): remove {self.folder}")

    def save(self):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.state, file, indent=1)
        os.replace(self.path + ".new", self.path)

    def done(self):
        return sum(run["files"] for run in self.state["runs"])


def generator(events_bin, size, *options):
    return Run(
        [events_bin, "--events", size.events, "--per-file", size.per_file, "--from", FROM, "--days", DAYS, *options]
    )


def ingest(size, args, binary, events_bin, deadline):
    planted, absent = os.path.join(size.folder, "planted.csv"), os.path.join(size.folder, "absent-10000.txt")
    generator(events_bin, size, "--truth-only", "--plant", planted, "--absent", absent)
    files = os.path.join(size.folder, "files")
    while size.done() < size.files:
        if time.monotonic() > deadline:
            print(f"stopped at file {size.done()} of {size.files}; the same command goes on", file=sys.stderr)
            return False
        # What an interrupted run left is made anew: it is the same, and Palisade adds nothing twice.
        fresh(files)
        first = size.done()
        number = min(max(1, args.per_run // size.per_file), size.files - first)
        generator(events_bin, size, "--out", files, "--start-file", first, "--files", number)
        paths = [os.path.join(files, name) for name in sorted(os.listdir(files))]
        run = Run([binary, "investigate", "--case", size.case, "--quiet", "--format", "ndjson", "--output",
                   os.path.join(size.folder, "findings.ndjson"), *args.investigate, *paths], cap_mb=CAP_MB)  # fmt: skip
        events = min(size.events - first * size.per_file, number * size.per_file)
        size.state["sample"] += sample(paths, max(1, 400 * number // size.files), first)
        size.state["runs"].append({
            "files": number, "events": events, "bytes": sum(map(os.path.getsize, paths)), "cpu": run.cpu,
            "wall": run.wall, "rss": run.rss,
        })  # fmt: skip
        fresh(files)
        size.save()
        print(f"{short(size.events)}: file {size.done()} of {size.files}, {events / run.cpu:,.0f} events/CPU-s, "
              f"{run.wall:.1f} s, {run.rss:.0f} MB", file=sys.stderr, flush=True)  # fmt: skip
    os.rmdir(files) if os.path.isdir(files) else None
    return True


def sample(paths, number, seed):
    """Observables of random lines, in the canonical form of the lake: `kind:value`."""
    draw = random.Random(seed)
    out = []
    while len(out) < number:
        path = draw.choice(paths)
        with open(path, "rb") as file:
            file.seek(draw.randrange(max(1, os.path.getsize(path) - 4096)))
            file.readline()
            record = json.loads(file.readline())
        holders = [h for h in HOLDERS if h[0] == record.get("Channel") and record.get(h[1], "-") not in ("-", "S-1-0-0")]
        if not holders:
            continue
        _, field, kind = draw.choice(holders)
        value = record[field]
        if kind == "domain" and value.endswith(".test"):
            kind = "host"  # no public suffix
        if kind == "sha256":
            value = value.split("SHA256=")[1].split(",")[0]
        if kind == "process_guid":
            value = value.strip("{}").upper()
        elif kind != "sid":
            value = value.lower()
        out.append(f"{kind}:{value}")
    return out


def ingest_table(all_sizes):
    print("### Ingest\n")
    print("| events | events/CPU-s | events/s wall | CPU s | wall s | peak MB | NDJSON B/event | Parquet B/event "
          "| index B/event | knowledge.db B/event | lake / NDJSON | segments |")  # fmt: skip
    print("| ---: |" + " ---: |" * 11)
    for size in all_sizes:
        runs = size.state["runs"]
        if not runs:
            continue
        events, cpu, wall = (sum(r[k] for r in runs) for k in ("events", "cpu", "wall"))
        disk = sizes(size.case)
        size.state["disk"] = disk
        size.save()
        bytes_in = sum(r["bytes"] for r in runs)
        lake = disk["parquet"] + disk["index"] + disk["lake_other"]
        print(f"| {events:,} | {events / cpu:,.0f} | {events / wall:,.0f} | {cpu:.1f} | {wall:.1f} "
              f"| {max(r['rss'] for r in runs):.0f} | {bytes_in / events:.0f} | {disk['parquet'] / events:.1f} "
              f"| {disk['index'] / events:.1f} | {disk['knowledge'] / events:.1f} | {lake / bytes_in:.1%} "
              f"| {disk['segments']} |")  # fmt: skip
    print()
    for size in all_sizes:
        runs = size.state["runs"]
        if len(runs) >= 10:
            tenth = len(runs) // 10
            rate = [sum(r["events"] for r in part) / sum(r["cpu"] for r in part) for part in (runs[:tenth], runs[-tenth:])]
            print(f"{short(size.events)}: events/CPU-s of the first tenth of the runs {rate[0]:,.0f}, of the last {rate[1]:,.0f}\n")


def pivots(size, args, binary, duck):
    draw = random.Random(1)
    kinds = {}
    for row in read_csv(os.path.join(size.folder, "planted.csv")):
        kinds[row["indicator"]] = row["type"]
    planted = [f"{kind}:{value}" for value, kind in kinds.items()]
    seen = sorted(set(size.state["sample"]) - set(planted))
    chosen = planted[: args.pivots // 2]
    chosen += draw.sample(seen, min(len(seen), args.pivots - len(chosen)))
    out = os.path.join(size.folder, "out.csv")
    results = []
    for observable in chosen:
        sql = PIVOT.format(observable.replace("'", "''"))
        results.append((observable, Hunt(binary, size.case, "--sql", sql, "--no-cite", "--format", "csv", "-o", out)))
    empty = [o for o, run in results if run.rows == 0]
    print(f"### Pivot: {len(results)} observables, {short(size.events)} events\n")
    print("| | observables | p50 s | p95 s | worst s | whole process p50 s | p95 s | worst s | bytes read p50 | p95 | peak MB |")
    print("| --- |" + " ---: |" * 10)
    groups = [("all", results)]
    # The planted ones are counted by name: half of the hits of a domain are on names below it.
    groups += [(name, [r for r in results if low <= (r[1].rows or 0) <= high]) for name, low, high in
               (("rare: up to 10 rows", 0, 10), ("up to 999", 11, 999), ("popular: 1,000 and more", 1000, 10**12))]  # fmt: skip
    for name, group in groups:
        if not group:
            continue
        own, whole = [r.seconds for _, r in group], [r.wall for _, r in group]
        read = [r.bytes_read or 0 for _, r in group]
        print(f"| {name} | {len(group)} | {median(own):.3f} | {percentile(own, 0.95):.3f} | {max(own):.3f} "
              f"| {median(whole):.3f} | {percentile(whole, 0.95):.3f} | {max(whole):.3f} | {median(read):,.0f} "
              f"| {percentile(read, 0.95):,.0f} | {max(r.rss for _, r in group):.0f} |")  # fmt: skip
    worst = max(results, key=lambda r: r[1].seconds)
    print(f"\nWorst: {worst[0]}, {worst[1].rows} rows, {worst[1].seconds:.3f} s. ", end="")
    print(f"p95 is {percentile([r.wall for _, r in results], 0.95):.3f} s for the whole process; the target is 1 s.")
    if percentile([r.wall for _, r in results], 0.95) > PIVOT_LIMIT_S:
        missed.append(f"{short(size.events)}: pivot p95 over {PIVOT_LIMIT_S} s")
    if empty:
        missed.append(f"{short(size.events)}: observables that are there were not found")
        print(f"**WRONG: {len(empty)} observables that are there were not found: {', '.join(empty[:5])}**")
    some = draw.sample(results, min(args.duck_pivots, len(results)))
    times = []
    for observable, run in some:
        query = {"sql": PIVOT.format(observable.replace("'", "''")), "out": out}
        theirs = Duck(used_tables("events", duck), [query])
        times.append((theirs.total, theirs.wall, run.seconds, run.wall))
        if theirs.results[0]["rows"] != run.rows:
            missed.append(f"{short(size.events)}: another answer than DuckDB for {observable}")
            print(f"**WRONG: {observable}: {run.rows} rows here, {theirs.results[0]['rows']} in DuckDB**")
    if times:
        own = [median(t[i] for t in times) for i in range(4)]
        print(f"\nDuckDB, {len(times)} of them: median {own[0]:.3f} s (whole process {own[1]:.3f}), here {own[2]:.3f} "
              f"({own[3]:.3f}): {own[2] / own[0]:.2f} × and {own[3] / own[1]:.2f} ×.")  # fmt: skip
    print(flush=True)


def queries(size, args, binary, duck):
    out = os.path.join(size.folder, "out.csv")
    print(f"### Queries: {short(size.events)} events, medians of {args.runs}\n")
    print("| query | rows | here s | DuckDB s | ratio | whole process s | DuckDB s | ratio | CPU s | DuckDB | bytes read "
          "| peak MB | DuckDB |")  # fmt: skip
    print("| --- |" + " ---: |" * 12)
    for name, sql in QUERIES.items():
        ours, theirs = [], []
        first = Hunt(binary, size.case, "--sql", sql, "--no-cite", "--format", "csv", "-o", out, ok=(0, 2))
        if first.code:
            missed.append(f"{short(size.events)}: {name}: refused")
            print(f"| {name} | {first.said.strip().splitlines()[-1]} |" + " |" * 11, flush=True)
            continue
        # Once each to warm the file cache, then alternated.
        for run in range(args.runs + 1):
            pair = (
                Hunt(binary, size.case, "--sql", sql, "--no-cite", "--format", "csv", "-o", out),
                Duck(used_tables(sql, duck), [{"sql": sql, "out": out}]),
            )
            if run:
                ours.append(pair[0])
                theirs.append(pair[1])
        mid = lambda runs, key: median(getattr(r, key) for r in runs)  # noqa: E731
        rows, their_rows = ours[0].rows, theirs[0].results[0]["rows"]
        wrong = "" if rows == their_rows else f" **WRONG: {their_rows} in DuckDB**"
        if wrong:
            missed.append(f"{short(size.events)}: {name}: another number of rows than DuckDB")
        own, own_theirs = mid(ours, "seconds"), mid(theirs, "total")
        whole, whole_theirs = mid(ours, "wall"), mid(theirs, "wall")
        if name.startswith("30 days") and whole > HISTOGRAM_LIMIT_S:
            missed.append(f"{short(size.events)}: {name} in {whole:.3f} s, over {HISTOGRAM_LIMIT_S} s")
        if own > RATIO_LIMIT * own_theirs:
            missed.append(f"{short(size.events)}: {name} at {own / own_theirs:.2f} × of DuckDB, over {RATIO_LIMIT}")
        print(f"| {name} | {rows}{wrong} | {own:.3f} | {own_theirs:.3f} | {own / own_theirs:.2f} | {whole:.3f} "
              f"| {whole_theirs:.3f} | {whole / whole_theirs:.2f} | {mid(ours, 'cpu'):.2f} | {mid(theirs, 'cpu'):.2f} "
              f"| {ours[0].bytes_read or 0:,} | {max(r.rss for r in ours):.0f} | {max(r.rss for r in theirs):.0f} |", flush=True)  # fmt: skip
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work")
    parser.add_argument("--sizes", default="1M,10M,100M")
    parser.add_argument("--steps", default="ingest,query")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further ingest after this time")
    parser.add_argument("--per-file", type=count, default=1_000_000, help="events of one file (1M)")
    parser.add_argument("--per-run", type=count, default=1_000_000, help="events of one `investigate` (1M; ≈ 0.7 GB a million)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pivots", type=int, default=200)
    parser.add_argument("--duck-pivots", type=int, default=10)
    parser.add_argument("investigate", nargs="*", help="after --: further options for `palisade investigate`")
    args = parser.parse_args()
    binary, events_bin = binaries()
    work = work_folder(args.work)
    deadline = time.monotonic() + args.seconds
    steps = args.steps.split(",")
    all_sizes = [Size(work, count(s), args.per_file) for s in args.sizes.split(",")]
    print(f"{machine()}\n")
    if "ingest" in steps:
        for size in all_sizes:
            if not ingest(size, args, binary, events_bin, deadline):
                break
        ingest_table(all_sizes)
    if "query" in steps:
        need_duckdb()
        for size in all_sizes:
            if size.done() < size.files:
                print(f"{short(size.events)} is not complete: no queries\n")
                continue
            copies = knowledge_copies(binary, size.case, size.folder)
            duck = duck_setup(size.case, copies)
            queries(size, args, binary, duck)
            pivots(size, args, binary, duck)
        print(f"{len(missed)} targets missed" + "".join(f"\n  {m}" for m in missed))
        sys.exit(bool(missed))


if __name__ == "__main__":
    main()
