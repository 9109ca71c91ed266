#!/usr/bin/env python3
"""New intelligence over old events: what it reads, and whether it finds everything.

    PALISADE_BIN=… retrohunt.py --size DIR/100M [--steps absent,present] [--runs 3]
    PALISADE_BIN=… retrohunt.py --work DIR --steps sigma [--real FOLDER]

--size is a folder that lake.py filled (case, planted.csv, absent-10000.txt).

  absent   10,000 indicators that are nowhere: bytes read below lake/, indexes included, in percent
           of the bytes there; as the hunt says itself, and as strace counts the results of read(2)
           and its kin on files below lake/. Target: at most 5 %. A file mapped into memory cannot
           be counted and is reported.
  present  100 indicators with 1 to 50 hits each: the set of (indicator, file, line) that the hunt
           cites, against planted.csv, and against DuckDB's scan of every list of observables
           (domains count for names below them).
  sigma    `investigate --rules R FILES` against `hunt --rules R --case C`, where C was made from
           the same files without any rule: findings by id, events per CPU-second and per second
           of wall time of both, medians of --runs. On the real logs of $PALISADE_TEST_DATA: EVTX
           (regression, attack samples, odd) and the Windows JSON of Mordor, apart; and on --made
           events of palisade-events, where hardly any event is a finding.
           Target: the same findings, at half the speed of investigate or more.

Environment: PALISADE_BIN (required), PALISADE_TEST_DATA (for sigma), PALISADE_BENCH_DIR (instead
of --work). `present` needs duckdb (requirements.txt), the count of strace needs strace.
Exit code: 0 if all that was asked holds, 1 otherwise.
"""

import argparse
import collections
import glob
import json
import os
import re
import shutil
import sys
import tempfile

from lakelib import (
    Duck, Hunt, Run, binaries, bytes_read, count, data_folder, duck_setup, fresh, machine, median, need_duckdb, read_csv,
    sizes, used_tables, work_folder,
)  # fmt: skip

TARGET_SHARE = 0.05
wrong = []


def fail(text):
    wrong.append(text)
    print(f"**WRONG: {text}**\n")


# --------------------------------------------------------------------------------- what was read

CALLS = ("read", "pread64", "readv", "preadv", "preadv2")


def traced_bytes(trace, lake):
    """{"bytes", "calls", "by_kind", "mapped"} of a trace made with `strace -f -y`."""
    lake = os.path.realpath(lake) + os.sep
    out = {"bytes": 0, "calls": 0, "by_kind": collections.Counter(), "mapped": set()}
    unfinished = {}
    begun = re.compile(r"^(\d+) +(\w+)\(\d+<([^>]*)>")
    resumed = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>")
    mapped = re.compile(r"^\d+ +mmap\(.*, \d+<([^>]*)>")
    result = re.compile(r"= (\d+)$")
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = line.rstrip("\n")
            found = mapped.match(line)
            if found:
                if found[1].startswith(lake):
                    out["mapped"].add(found[1])
                continue
            found = begun.match(line)
            if found:
                pid, call, path = found.groups()
                if line.endswith("<unfinished ...>"):
                    unfinished[pid] = path
                    continue
            else:
                found = resumed.match(line)
                if not found:
                    continue
                call, path = found[2], unfinished.pop(found[1], "")
            amount = result.search(line)
            if call in CALLS and path.startswith(lake) and amount:
                out["bytes"] += int(amount[1])
                out["calls"] += 1
                out["by_kind"][os.path.splitext(path)[1] or "other"] += int(amount[1])
    return out


def strace(command, lake, folder):
    if not shutil.which("strace"):
        print("strace is not installed: only what the hunt says of itself is shown\n")
        return None
    trace = os.path.join(folder, "trace")
    calls = ",".join((*CALLS, "mmap", "openat"))
    run = Run(["strace", "-f", "-y", "-s", "0", "-qq", "-e", f"trace={calls}", "-o", trace, *command])
    found = traced_bytes(trace, lake)
    os.remove(trace)
    return found, run


# -------------------------------------------------------------------------------------- findings


def findings(path):
    """Findings of an NDJSON output, by id: what a hunt and an investigation must agree on."""
    out = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record.get("kind", "finding") == "finding" and "citations" in record:
                out[record["id"]] = record
    return out


def cited(found):
    """{(indicator, file name, line)} of findings of indicators."""
    out = set()
    for finding in found.values():
        indicator = finding["rule"]["id"].removeprefix("indicator:")
        for citation in finding["citations"]:
            out.add((indicator, os.path.basename(citation["source"]), int(citation["record"])))
    return out


# --------------------------------------------------------------------------------- absent, present


def absent(size, args, binary, folder):
    case, listed = os.path.join(size, "case"), os.path.join(size, "absent-10000.txt")
    with open(listed, encoding="utf-8") as file:
        number = sum(1 for line in file if line.strip())
    disk = sizes(case)
    lake = disk["parquet"] + disk["index"] + disk["lake_other"]
    out = os.path.join(folder, "absent.ndjson")
    options = ("--indicators", listed, "--format", "ndjson", "-o", out)
    runs = [Hunt(binary, case, *options) for _ in range(args.runs)]
    print(f"### {number:,} indicators that are nowhere\n")
    print(f"lake/ holds {lake:,} bytes: Parquet {disk['parquet']:,} in {disk['segments']} segments, indexes "
          f"{disk['index']:,} ({disk['index'] / max(lake, 1):.1%}), other {disk['lake_other']:,}.\n")  # fmt: skip
    said = runs[-1].bytes_read
    print("| | bytes | of lake/ |\n| --- | ---: | ---: |")
    print(f"| as the hunt says | {said if said is None else format(said, ',')} | {'–' if said is None else format(said / lake, '.2%')} |")
    traced = strace([binary, "hunt", "--case", case, *options], os.path.join(case, "lake"), folder)
    share = said / lake if said is not None else None
    if traced:
        found, run = traced
        print(f"| as strace counts, {found['calls']:,} calls | {found['bytes']:,} | {found['bytes'] / lake:.2%} |")
        for kind, amount in found["by_kind"].most_common():
            print(f"| of that `{kind}` | {amount:,} | {amount / lake:.2%} |")
        share = found["bytes"] / lake
        if found["mapped"]:
            print(f"\n{len(found['mapped'])} files below lake/ were mapped into memory; their bytes are not counted.")
        again = bytes_read(run.said)
        if again is not None and abs(again - found["bytes"]) > max(65536, 0.02 * found["bytes"]):
            fail(f"the hunt says {again:,} bytes, strace counts {found['bytes']:,}")
    print(f"\n{median(r.wall for r in runs):.3f} s wall, {median(r.cpu for r in runs):.3f} s CPU, "
          f"{max(r.rss for r in runs):.0f} MB; median of {args.runs}.\n")  # fmt: skip
    if findings(out):
        fail(f"{len(findings(out))} findings for indicators that are nowhere")
    if share is None or share > TARGET_SHARE:
        fail(f"reads {'an unknown part' if share is None else format(share, '.2%')} of the lake; the target is {TARGET_SHARE:.0%}")


ORACLE = """
WITH seen AS (SELECT _source, _record, unnest(_observables) AS o FROM events),
named AS (
  SELECT _source, _record, o FROM seen
  UNION ALL SELECT _source, _record, 'domain:' || regexp_replace(o, '^domain:[^.]*[.]', '') FROM seen WHERE o LIKE 'domain:%.%.%'
  UNION ALL SELECT _source, _record, 'domain:' || regexp_replace(o, '^domain:[^.]*[.][^.]*[.]', '') FROM seen WHERE o LIKE 'domain:%.%.%.%'
)
SELECT DISTINCT w.value, n._source, n._record FROM named n JOIN wanted w ON n.o = w.observable
"""


def present(size, args, binary, folder):
    case = os.path.join(size, "case")
    rows = read_csv(os.path.join(size, "planted.csv"))
    truth = {(r["indicator"], r["file"], int(r["line"])) for r in rows}
    kinds = {r["indicator"]: r["type"] for r in rows}
    listed = os.path.join(folder, "present.csv")
    with open(listed, "w", encoding="utf-8") as file:
        file.write("indicator,type\n" + "".join(f"{value},{kind}\n" for value, kind in kinds.items()))
    out = os.path.join(folder, "present.ndjson")
    run = Hunt(binary, case, "--indicators", listed, "--format", "ndjson", "-o", out)
    found = cited(findings(out))
    print(f"### {len(kinds)} indicators that are there\n")
    print("| | hits | missing | beyond the truth |\n| --- | ---: | ---: | ---: |")
    print(f"| planted.csv | {len(truth):,} | | |")
    print(f"| hunt | {len(found):,} | {len(truth - found):,} | {len(found - truth):,} |")

    need_duckdb()
    names = sources(binary, case, folder)
    wanted = ", ".join(f"('{value}', '{kind}:{value}')" for value, kind in kinds.items())
    setup = used_tables("events", duck_setup(case)) + [f"CREATE TABLE wanted AS SELECT * FROM (VALUES {wanted}) AS w(value, observable)"]
    theirs = Duck(setup, [{"sql": ORACLE}], memory="4GB")
    scan = {(value, os.path.basename(names[source]), record) for value, source, record in theirs.results[0]["rows"]}
    print(f"| DuckDB, full scan | {len(scan):,} | {len(truth - scan):,} | {len(scan - truth):,} |")
    print(f"\nhunt {run.seconds:.3f} s ({run.wall:.3f} s whole process, {run.cpu:.2f} s CPU, {run.rss:.0f} MB, "
          f"{run.bytes_read or 0:,} bytes read); DuckDB's scan {theirs.total:.3f} s.\n")  # fmt: skip
    for name, other in (("planted.csv", truth), ("the full scan", scan)):
        if found != other:
            fail(f"hunt and {name} differ; missing {sorted(other - found)[:3]}, too many {sorted(found - other)[:3]}")


def sources(binary, case, folder):
    """id → path, from the table `sources`."""
    out = os.path.join(folder, "sources.ndjson")
    Hunt(binary, case, "--sql", "SELECT * FROM sources", "--format", "ndjson", "-o", out, "--no-cite")
    names = {}
    with open(out, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            path = next((record[k] for k in ("path", "first_path", "source", "name") if k in record), None)
            ident = next((record[k] for k in ("id", "_source", "source_id") if k in record), None)
            if path is not None and ident is not None:
                names[int(ident)] = path
    return names


# ----------------------------------------------------------------------------------------- sigma


def real_data(args, folder):
    """{name: [paths]}: the real logs, unpacked once below the work folder."""
    import speed

    host = data_folder()
    real = args.real or os.path.join(folder, "real")
    evtx, ndjson = os.path.join(real, "evtx"), os.path.join(real, "ndjson")
    speed.COPIES = 1  # the case keeps the same content once
    speed.prepare_evtx(host, evtx)
    speed.prepare_ndjson(host, ndjson)
    rules = args.rules or [os.path.join(host, "sigma", f) for f in speed.RULE_FOLDERS]
    data = {"EVTX": sorted(glob.glob(os.path.join(evtx, "copy-*")))[:1], "NDJSON (Mordor)": [ndjson]}
    if args.made:
        made = fresh(os.path.join(folder, "made"))
        Run([binaries()[1], "--events", args.made, "--attacks", args.made // 300, "--per-file", 250_000, "--out", made])
        data["made-up events"] = [made]
    return data, rules


def sigma(args, binary, folder):
    data, rules = real_data(args, folder)
    given = [word for path in rules for word in ("--rules", path)]
    base = ["--quiet", "--format", "ndjson", "--no-shipped-rules"]
    table, notes = [], []
    for name, paths in data.items():
        ours, theirs = (os.path.join(folder, f"sigma-{side}.ndjson") for side in ("hunt", "investigate"))
        case = os.path.join(folder, "sigma-case")
        shutil.rmtree(case, ignore_errors=True)
        keep = Run([binary, "investigate", *base, "--case", case, "-o", os.devnull, "--", *paths], ok=(0, 1))
        looks, hunts = [], []
        for run in range(args.runs + 1):
            look = Run([binary, "investigate", *base, *given, "-o", theirs, "--", *paths], ok=(0, 1))
            hunt = Hunt(binary, case, *given, "--format", "ndjson", "-o", ours, ok=(0, 1))
            if run:
                looks.append(look)
                hunts.append(hunt)
        with open(theirs, "rb") as file:
            summary = json.loads(file.read().splitlines()[-1])
        events = summary["events"]
        mine, other = findings(ours), findings(theirs)
        mid = lambda runs, key: median(getattr(r, key) for r in runs)  # noqa: E731
        speed = [events / mid(r, k) for k in ("cpu", "wall") for r in (looks, hunts)]
        table.append(
            f"| {name} | {events:,} | {len(other):,} | {len(mine):,} | {len(other.keys() - mine.keys()):,} "
            f"| {len(mine.keys() - other.keys()):,} | {speed[0]:,.0f} | {speed[1]:,.0f} | {speed[1] / speed[0]:.2f} "
            f"| {speed[2]:,.0f} | {speed[3]:,.0f} | {speed[3] / speed[2]:.2f} | {max(h.rss for h in hunts):.0f} |"
        )
        notes.append(f"{name}: kept in {keep.cpu:.1f} CPU-s, {sizes(case)['parquet'] / max(events, 1):.0f} bytes of Parquet an event.")
        if mine.keys() != other.keys():
            for label, a, b in (("missing", other, mine), ("too many", mine, other)):
                for ident in sorted(a.keys() - b.keys())[:3]:
                    f = a[ident]
                    c = f["citations"][0]
                    notes.append(f"{label}: {f['rule']['id']} {f['rule']['title']!r} at {c['source']} record {c['record']}")
            kinds = collections.Counter(other[i]["rule"]["title"] for i in other.keys() - mine.keys())
            notes.append(f"most often missing: {kinds.most_common(5)}")
        # The id covers rule and text of the record: a record that stands twice has one id and several places.
        here, there = places(ours), places(theirs)
        for label, a, b in (("only investigate reports", there, here), ("only hunt reports", here, there)):
            more = [a[place] for place in a.keys() - b.keys()]
            if more:
                recovered = sum(bool(f.get("recovered")) for f in more)
                c = more[0]["citations"][0]
                notes.append(f"{label} {len(more)} further places, {recovered} of them recovered from unused space, such as "
                             f"{more[0]['rule']['title']!r} at {c['source']} record {c['record']} offset {c['offset']}")  # fmt: skip
        # What a person reads has to be the same too.
        changed = [p for p in here.keys() & there.keys() if said_of(here[p]) != said_of(there[p])]
        if changed:
            mine_says, other_says = said_of(here[changed[0]]), said_of(there[changed[0]])
            parts = {k: (mine_says[k], other_says[k]) for k in SAID if mine_says[k] != other_says[k]}
            notes.append(f"{len(changed)} findings at the same place read differently (hunt, investigate), the first: {json.dumps(parts)[:600]}")
        table_wrong = mine.keys() != other.keys()
        if table_wrong:
            wrong.append(f"sigma findings differ on {name}")
        if speed[1] < speed[0] / 2:
            wrong.append(f"sigma over the lake at {speed[1] / speed[0]:.2f} × of investigate on {name}; the target is 0.5")
    print(f"### Sigma over the lake, {len(rules)} rule folders, medians of {args.runs}\n")
    print("| data | events | findings, investigate | hunt | missing | too many | events/CPU-s, investigate | hunt | ratio "
          "| events/s, investigate | hunt | ratio | peak MB |\n| --- |" + " ---: |" * 12)  # fmt: skip
    print("\n".join(table) + "\n")
    print("\n".join(notes) + "\n")


SAID = ("time", "time_end", "severity", "host", "observables", "message", "fields", "recovered")


def said_of(finding):
    return {k: finding.get(k) for k in SAID}


def places(path):
    """{(id, hash of the file, record, offset): finding}: files of the same content are one."""
    out = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record.get("kind", "finding") == "finding" and "citations" in record:
                for c in record["citations"]:
                    out[(record["id"], c.get("sha256"), c["record"], c["offset"])] = record
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", help="folder that lake.py filled, such as DIR/1M")
    parser.add_argument("--work", help="folder for unpacked logs and cases of the step sigma")
    parser.add_argument("--steps", default=None, help="absent,present,sigma (absent,present if --size is given, sigma if not)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--real", help="folder with evtx/ and ndjson/ that speed.py unpacked")
    parser.add_argument("--made", type=count, default=500_000, help="made-up events for the step sigma (500k; 0 for none)")
    parser.add_argument("--rules", action="append", help="Sigma rules for the step sigma (the three folders of speed.py)")
    args = parser.parse_args()
    binary = os.environ.get("PALISADE_BIN") or sys.exit("set PALISADE_BIN to the product's release binary (see --help)")
    steps = (args.steps or ("absent,present" if args.size else "sigma")).split(",")
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory(prefix="palisade-retrohunt-") as folder:
        if "absent" in steps:
            absent(os.path.abspath(args.size), args, binary, folder)
        if "present" in steps:
            present(os.path.abspath(args.size), args, binary, folder)
        if "sigma" in steps:
            sigma(args, binary, work_folder(args.work))
    print(f"{len(wrong)} wrong" + "".join(f"\n  {w}" for w in wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
