#!/usr/bin/env python3
"""kill -9 and worse: what a case still holds afterwards, and what Palisade says.

    PALISADE_BIN=… crash.py --work DIR [--steps time,failpoints,cases] [--points 200]

time        N kills with SIGKILL at moments drawn evenly over the duration of an undisturbed run of
            `palisade investigate --case C EVIDENCE`; every fourth rerun is killed as well.
failpoints  the same with `PALISADE_CRASH_AT=name:n`, where the process aborts when it passes the
            point `name` for the nth time; names from `palisade case failpoints`, from --names, or those known here.
            n = 1, 2, … --hits, spread over the hits that the undisturbed run has.
  After every kill: how long opening the case takes (`palisade case show`; at most 2 s); what it
  acknowledged (sources that knowledge.db, copied right after the kill, calls complete, and its
  findings) and whether it is there before anything is run again; then the same command to its end, and
  compared with an undisturbed case: rows by (file, member, record, digest), findings by id, hits of
  planted indicators through the index, every Parquet file read to its end, files nobody knows.
  Printed: lost, duplicated, unreadable, slowest opening. All but the last have to be 0.
cases       the same file again, under another name, grown, rotated; a full disk (tmpfs, needs
            root), a read-only folder (bind mount, needs root), bytes changed in segments and
            indexes (an answer that is wrong and comes without an error is counted), damaged and
            foreign knowledge.db, a clock that jumps (needs faketime), two writers at once. Prints
            the message that each gives.

Environment: PALISADE_BIN (required), PALISADE_EVENTS, PALISADE_BENCH_DIR. Needs duckdb.
Exit code: 0 if nothing was lost, duplicated, unreadable or silently wrong, 1 otherwise.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from lakelib import Duck, Hunt, Run, binaries, count, fresh, machine, need_duckdb, percentile, read_csv, work_folder
from retrohunt import cited, findings, sources

OPEN_LIMIT_S = 2.0
# The points of a commit in the order it passes them, if the binary does not list its own.
FAILPOINTS = [
    "segment-written", "index-written", "directory-synced", "transaction-begun", "segments-recorded", "transaction-full",
    "transaction-committed", "compacted-written", "compaction-committed", "file-removed", "run-finished", "manifest-written",
]  # fmt: skip
ROWS = "SELECT _source, _member, _record, _digest FROM events"


class Bench:
    def __init__(self, args):
        self.binary, self.events = binaries()
        self.work = work_folder(args.work)
        self.folder = fresh(os.path.join(self.work, "crash"))
        self.args = args
        self.wrong = []
        files = os.path.join(self.folder, "evidence")
        planted = os.path.join(self.folder, "planted.csv")
        Run([self.events, "--events", args.events, "--per-file", args.events // 4, "--days", 30, "--out", files, "--plant", planted])
        self.evidence = [os.path.join(files, name) for name in sorted(os.listdir(files))]
        self.planted = planted
        self.truth = {(r["indicator"], r["file"], int(r["line"])) for r in read_csv(planted)}
        self.reference = None
        self.show = self._show()

    def _show(self):
        """The command that opens a case and shows what it holds."""
        said = subprocess.run([self.binary, "case", "--help"], capture_output=True, text=True).stdout
        return "show" if "\n  show " in said else "findings"

    def path(self, name):
        return os.path.join(self.folder, name)

    def fail(self, text):
        self.wrong.append(text)
        print(f"**WRONG: {text}**", flush=True)

    def investigate(self, case, *evidence, out=os.devnull):
        return [self.binary, "investigate", "--case", case, "--quiet", "--format", "ndjson", "-o", out,
                *self.args.investigate, "--", *(evidence or self.evidence)]  # fmt: skip

    def take_reference(self):
        """The undisturbed case, and how long one takes."""
        if self.reference:
            return
        case = self.path("reference")
        times = []
        for _ in range(3):
            shutil.rmtree(case, ignore_errors=True)
            times.append(Run(self.investigate(case), ok=(0, 1)).wall)
        # The fastest: a moment drawn beyond the end kills nothing.
        self.duration = min(times)
        self.reference = self.content(case)
        print(f"undisturbed: {self.duration:.2f} s, {self.reference['rows']:,} rows, {len(self.reference['findings'])} findings, "
              f"{self.reference['files']} segments\n", flush=True)  # fmt: skip
        if self.reference["rows"] != self.args.events:
            self.fail(f"the undisturbed case holds {self.reference['rows']:,} rows of {self.args.events:,} events")
        if self.reference["hits"] != self.truth:
            self.fail("the undisturbed case does not find what is planted")

    def content(self, case, name=None):
        """Everything that is compared. Rows stay in a Parquet file: they are compared in DuckDB."""
        name = name or os.path.basename(case)
        rows, found, hits = (self.path(f"{name}.{end}") for end in ("rows.parquet", "findings.ndjson", "hits.ndjson"))
        everything = ("--no-cite",)
        run = Hunt(self.binary, case, "--sql", ROWS, "--format", "parquet", "-o", rows, *everything)
        Hunt(self.binary, case, "--sql", "SELECT id FROM findings", "--format", "ndjson", "-o", found, *everything)
        Hunt(self.binary, case, "--indicators", self.planted, "--format", "ndjson", "-o", hits, ok=(0, 1))
        with open(found, encoding="utf-8") as file:
            ids = [json.loads(line)["id"] for line in file]
        return {
            "rows": run.rows,
            "parquet": rows,
            "sources": {i: os.path.basename(p) for i, p in sources(self.binary, case, self.folder).items()},
            "findings": collections.Counter(ids),
            "hits": cited(findings(hits)),
            "files": sum(len(f) for _, f in segments(case).items()),
        }

    def differences(self, mine, by_file=True):
        """(lost, duplicated or foreign) rows against the reference."""

        def rows(content):
            names = ", ".join(f"({i}, '{n}')" for i, n in content["sources"].items()) or "(-1, '')"
            name = "coalesce(s.name, '?' || r._source)" if by_file else "''"
            return (
                f"SELECT {name} AS file, r._member AS member, r._record AS record, r._digest AS digest, count(*) AS n "
                f"FROM read_parquet('{content['parquet']}') r LEFT JOIN (VALUES {names}) AS s(id, name) ON s.id = r._source "
                "GROUP BY ALL"
            )

        sql = (
            f"WITH a AS ({rows(self.reference)}), b AS ({rows(mine)}) SELECT "
            "coalesce(sum(greatest(coalesce(a.n, 0) - coalesce(b.n, 0), 0)), 0), "
            "coalesce(sum(greatest(coalesce(b.n, 0) - coalesce(a.n, 0), 0)), 0) "
            "FROM a FULL JOIN b ON a.file = b.file AND a.member = b.member AND a.record = b.record AND a.digest = b.digest"
        )
        return tuple(int(float(v)) for v in Duck([], [{"sql": sql}]).results[0]["rows"][0])

    def read_all(self, case, files=None):
        """Parquet files that cannot be read to their end, read by another engine; `files` below lake/, or all."""
        bad = []
        paths = [path for paths in segments(case).values() for path in paths]
        if files is not None:
            paths = [os.path.join(case, "lake", file) for file in sorted(files)]
        queries = [{"sql": f"SELECT count(*), count(COLUMNS(*)) FROM read_parquet('{path}')", "may_fail": True, "path": path}
                   for path in paths]  # fmt: skip
        if queries:
            for query, result in zip(queries, Duck([], queries).results):
                if "error" in result:
                    bad.append((query["path"], result["error"]))
        return bad


def unknown_files(case, known):
    """Files below lake/ that no segment in knowledge.db accounts for."""
    if known is None:
        return []
    lake = os.path.join(case, "lake")
    allowed = {os.path.splitext(file)[0] for file in known}
    found = []
    for base, _, names in os.walk(lake):
        found += [os.path.relpath(os.path.join(base, name), lake) for name in names]
    return [f for f in found if os.path.splitext(f)[0] not in allowed]


def segments(case):
    """{table: [Parquet files]} as they lie on the disk."""
    out = {}
    lake = os.path.join(case, "lake")
    for base, _, names in os.walk(lake):
        found = [os.path.join(base, n) for n in sorted(names) if n.endswith(".parquet")]
        if found:
            out[os.path.relpath(base, lake)] = found
    return out


def knowledge(case, scratch):
    """What knowledge.db says, read from a copy: looking must not repair. None if there is none yet."""
    fresh(scratch)
    for name in os.listdir(case) if os.path.isdir(case) else ():
        if name.startswith("knowledge.db"):
            shutil.copyfile(os.path.join(case, name), os.path.join(scratch, name))
    path = os.path.join(scratch, "knowledge.db")
    if not os.path.exists(path):
        return None
    db = sqlite3.connect(path)
    try:
        ok = db.execute("PRAGMA integrity_check").fetchone()[0]
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        out = {"integrity": ok, "complete": {}, "findings": set(), "segments": None}
        if "schema_migration" not in tables:
            return None  # killed while the case was being made: there is nothing to open yet
        if "source" in tables:
            out["complete"] = {i: os.path.basename(p) for i, p in db.execute("SELECT id, first_path FROM source WHERE state = 'complete'")}
        if "finding" in tables:
            out["findings"] = {row[0] for row in db.execute("SELECT id FROM finding")}
        if "segment" in tables:
            out["segments"] = {row[0] for row in db.execute("SELECT file FROM segment")}
        return out
    except sqlite3.Error as error:
        return {"integrity": str(error), "complete": {}, "findings": set(), "segments": None}
    finally:
        db.close()


# ------------------------------------------------------------------------------- time, failpoints


class Tally:
    def __init__(self):
        self.points = self.early = self.acknowledged = self.lost_acknowledged = 0
        self.lost = self.duplicated = self.findings_lost = self.findings_twice = self.hits_wrong = 0
        self.unreadable = self.orphans = self.failed = 0
        self.opens = []

    HEADER = (
        "| | points | finished before | acknowledged sources | of these lost | rows lost | rows twice or foreign | findings lost "
        "| findings twice or foreign | wrong hits | unreadable segments | unknown files | reruns failed | open p50 s | open worst s |\n"
        "| --- |" + " ---: |" * 14
    )

    def row(self, name):
        opens = self.opens or [0]
        return (
            f"| {name} | {self.points} | {self.early} | {self.acknowledged} | {self.lost_acknowledged} | {self.lost} "
            f"| {self.duplicated} | {self.findings_lost} | {self.findings_twice} | {self.hits_wrong} | {self.unreadable} "
            f"| {self.orphans} | {self.failed} | {percentile(opens, 0.5):.3f} | {max(opens):.3f} |"
        )


def kill_after(command, seconds):
    """True if the process was still running."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def abort_at(bench, command, point):
    """True if the point was reached."""
    done = Run(command, env={"PALISADE_CRASH_AT": point}, ok=None)
    if done.code not in (0, 1, -signal.SIGABRT, -signal.SIGKILL, 134, 137):
        bench.fail(f"{point}: exit code {done.code}: {done.said.strip()[-300:]}")
    return done.code not in (0, 1)


def after_kill(bench, tally, label, again=None):
    """Checks a case that was just killed, runs it to its end, checks again."""
    case = bench.path("case")
    tally.points += 1
    before = knowledge(case, bench.path("scratch"))
    if before and before["integrity"] != "ok":
        bench.fail(f"{label}: knowledge.db: {before['integrity']}")
    if before:
        opened = Run([bench.binary, "case", bench.show, case], ok=None)
        tally.opens.append(opened.wall)
        if opened.code:
            bench.fail(f"{label}: the case does not open: {opened.said.strip()[-300:]}")
            return
        if opened.wall > OPEN_LIMIT_S:
            bench.fail(f"{label}: opening took {opened.wall:.2f} s")
        # What was said to be complete has to be there before anything is run again.
        if before["complete"]:
            tally.acknowledged += len(before["complete"])
            out = bench.path("ack.ndjson")
            Hunt(bench.binary, case, "--sql", "SELECT _source, count(*) AS n FROM events GROUP BY _source", "--format", "ndjson", "-o", out)
            with open(out, encoding="utf-8") as file:
                rows = {r["_source"]: r["n"] for r in map(json.loads, file)}
            for ident, name in before["complete"].items():
                if rows.get(ident, 0) != bench.per_source[name]:
                    tally.lost_acknowledged += 1
                    bench.fail(f"{label}: {name} was complete with {bench.per_source[name]} rows; {rows.get(ident, 0)} are there")
        bad = bench.read_all(case, before["segments"] or ())
        if bad:
            tally.unreadable += len(bad)
            bench.fail(f"{label}: {len(bad)} committed segments cannot be read before the rerun: {bad[0]}")
    if again:
        again()
    rerun = Run(bench.investigate(case), ok=None)
    if rerun.code not in (0, 1):
        tally.failed += 1
        bench.fail(f"{label}: the rerun failed with {rerun.code}: {rerun.said.strip()[-300:]}")
        return
    now = bench.content(case)
    lost, more = bench.differences(now)
    tally.lost += lost
    tally.duplicated += more
    missing, foreign = bench.reference["findings"] - now["findings"], now["findings"] - bench.reference["findings"]
    tally.findings_lost += sum(missing.values())
    tally.findings_twice += sum(foreign.values())
    tally.hits_wrong += len(now["hits"] ^ bench.reference["hits"])
    gone = before["findings"] - set(now["findings"]) if before else ()
    bad = bench.read_all(case)
    tally.unreadable += len(bad)
    after = knowledge(case, bench.path("scratch"))
    unknown = unknown_files(case, after["segments"])
    tally.orphans += len(unknown)
    if lost or more or missing or foreign or gone or bad or unknown or now["hits"] != bench.reference["hits"]:
        bench.fail(f"{label}: {lost} rows lost, {more} twice or foreign, findings -{sum(missing.values())} +{sum(foreign.values())}, "
                   f"{len(gone)} acknowledged findings gone, {len(bad)} unreadable {bad[:1]}, {len(unknown)} unknown files {unknown[:2]}, "
                   f"{len(now['hits'] ^ bench.reference['hits'])} wrong hits; kept as {keep(bench, label)}")  # fmt: skip


def keep(bench, label):
    """A case that went wrong stays for whoever looks into it."""
    target = bench.path("wrong-" + "".join(c if c.isalnum() else "-" for c in label))
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(bench.path("case"), target)
    return target


def by_time(bench):
    draw = random.Random(bench.args.seed)
    tally = Tally()
    case = bench.path("case")
    number = 0
    while number < bench.args.points and tally.early <= bench.args.points:
        shutil.rmtree(case, ignore_errors=True)
        moment = draw.random() * bench.duration * 1.02
        if not kill_after(bench.investigate(case), moment):
            # Ended before: no kill, and not counted as one.
            tally.early += 1
            continue

        def again():
            kill_after(bench.investigate(case), draw.random() * bench.duration * 0.6)

        after_kill(bench, tally, f"point {number} at {moment:.3f} s", again if number % 4 == 3 else None)
        number += 1
        if number % 20 == 0:
            print(f"  {number} points, {len(bench.wrong)} wrong", file=sys.stderr, flush=True)
    return tally


def names_of_failpoints(bench):
    if bench.args.names:
        return bench.args.names.split(",")
    done = subprocess.run([bench.binary, "case", "failpoints"], capture_output=True, text=True)
    names = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    return names if names and not done.returncode else FAILPOINTS


def by_failpoint(bench):
    tally = Tally()
    case = bench.path("case")
    never = []
    for name in names_of_failpoints(bench):
        # How often the undisturbed run passes here: double until it is not reached.
        hits, step = 0, 1
        while step <= 1 << 12:
            shutil.rmtree(case, ignore_errors=True)
            if not abort_at(bench, bench.investigate(case), f"{name}:{step}"):
                break
            hits, step = step, step * 2
        if not hits:
            never.append(name)
            continue
        chosen = sorted({max(1, round(1 + (hits - 1) * k / max(1, bench.args.hits - 1))) for k in range(bench.args.hits)})
        for nth in chosen:
            shutil.rmtree(case, ignore_errors=True)
            if not abort_at(bench, bench.investigate(case), f"{name}:{nth}"):
                tally.early += 1
                continue

            def again():
                abort_at(bench, bench.investigate(case), f"{name}:1")

            after_kill(bench, tally, f"{name}:{nth}", again if nth == chosen[0] else None)
        print(f"  {name}: {len(chosen)} of ≥ {hits} hits, {len(bench.wrong)} wrong", file=sys.stderr, flush=True)
    if never:
        print(f"never passed by this run: {', '.join(never)}\n")
    return tally


# ----------------------------------------------------------------------------------------- cases


def say(what, run, good=None):
    """A row of the table of messages."""
    said = run.said.strip() or run.output.decode("utf-8", "replace").strip()
    message = " ".join(line.strip() for line in said.splitlines()[-4:])[:400].replace("|", "\\|") or "(nothing)"
    verdict = "" if good is None else ("as it should" if good else "**NO**")
    print(f"| {what} | {run.code} | {message} | {verdict} |", flush=True)


def cases(bench):
    print("### Cases\n\n| what | exit code | what it says at its end | |\n| --- | ---: | --- | --- |")
    for case in (same_again, grown, rotated, two_writers, clock_jump, disk_full, read_only, wrong_version, damaged_knowledge,
                 damaged_segments, damaged_index):  # fmt: skip
        if bench.args.only and case.__name__ not in bench.args.only.split(","):
            continue
        try:
            case(bench)
        except SystemExit as stop:
            bench.fail(f"{case.__name__}: {str(stop)[-600:]}")
    print()


def copy_of_reference(bench):
    case = bench.path("case")
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(bench.path("reference"), case)
    return case


def digest_rows(bench, case):
    """Differences to the reference whatever the sources are called."""
    return bench.differences(bench.content(case), by_file=False)


def state(case):
    return {p: (os.path.getsize(p), os.stat(p).st_mtime_ns) for paths in segments(case).values() for p in paths}


def same_again(bench):
    case = copy_of_reference(bench)
    before = state(case)
    run = Run(bench.investigate(case), ok=None)
    same = state(case) == before and digest_rows(bench, case) == (0, 0)
    say("the same files again", run, run.code in (0, 1) and same)
    if not same:
        bench.fail("the same files again changed the lake")
    other = fresh(bench.path("other-names"))
    for path in bench.evidence:
        shutil.copyfile(path, os.path.join(other, "copy-of-" + os.path.basename(path)))
    run = Run(bench.investigate(case, other), ok=None)
    same = digest_rows(bench, case) == (0, 0)
    say("the same content under other names", run, run.code in (0, 1) and same)
    if not same:
        bench.fail("the same content under other names changed the lake")
    shutil.rmtree(other)


def grown(bench):
    """Every file first to 60 %, cut in the middle of a line; then whole."""
    case, part = fresh(bench.path("case")), fresh(bench.path("growing"))
    paths = []
    for share in (0.3, 0.6, 1.0):
        paths = []
        for path in bench.evidence:
            target = os.path.join(part, os.path.basename(path))
            size = int(os.path.getsize(path) * share)
            # Appended to, as a log is: the same file grows.
            have = os.path.getsize(target) if os.path.exists(target) else 0
            with open(path, "rb") as source, open(target, "ab") as out:
                source.seek(have)
                out.write(source.read(size - have))
            paths.append(target)
        run = Run(bench.investigate(case, *paths), ok=None)
    lost, more = digest_rows(bench, case)
    # A line that was cut off is read as it was, once; it may stay as an unreadable record.
    good = run.code in (0, 1) and lost == 0 and more == 0
    say(f"files grown twice, cut within a line: {lost} rows lost, {more} twice or foreign", run, good)
    if not good:
        bench.fail(f"grown files: {lost} rows lost, {more} twice or foreign")
    now = bench.content(case)
    missing, foreign = bench.reference["findings"] - now["findings"], now["findings"] - bench.reference["findings"]
    if missing or foreign:
        bench.fail(f"grown files: findings -{sum(missing.values())} +{sum(foreign.values())}")
    shutil.rmtree(part)


def rotated(bench):
    """app.log is read, becomes app.log.1, a new app.log begins; again."""
    case, logs = fresh(bench.path("case")), fresh(bench.path("rotating"))
    run = None
    for path in bench.evidence:
        for number in range(8, 0, -1):
            old = os.path.join(logs, "app.log" + (f".{number - 1}" if number > 1 else ""))
            if os.path.exists(old):
                os.rename(old, os.path.join(logs, f"app.log.{number}"))
        shutil.copyfile(path, os.path.join(logs, "app.log"))
        run = Run(bench.investigate(case, logs), ok=None)
    lost, more = digest_rows(bench, case)
    good = run.code in (0, 1) and (lost, more) == (0, 0)
    say(f"a rotated log, read after each turn: {lost} rows lost, {more} twice or foreign", run, good)
    if not good:
        bench.fail(f"rotated log: {lost} rows lost, {more} twice or foreign")
    shutil.rmtree(logs)


def two_writers(bench):
    case = bench.path("case")
    shutil.rmtree(case, ignore_errors=True)
    first = subprocess.Popen(bench.investigate(case), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(min(0.5, bench.duration / 3))
    second = Run(bench.investigate(case), ok=None)
    first.wait()
    rerun = Run(bench.investigate(case), ok=None)
    good = digest_rows(bench, case) == (0, 0)
    say("a second writer while one runs", second, good)
    if not good or rerun.code not in (0, 1):
        bench.fail("two writers at once damaged the case")


def clock_jump(bench):
    if not shutil.which("faketime"):
        print("| a clock that jumps | – | SKIPPED: faketime is not installed | **SKIPPED** |")
        return
    case = bench.path("case")
    shutil.rmtree(case, ignore_errors=True)
    half = len(bench.evidence) // 2
    loud = lambda *evidence: [word for word in bench.investigate(case, *evidence) if word != "--quiet"]  # noqa: E731
    ahead = Run(["faketime", "-f", "+3650d", *loud(*bench.evidence[:half])], ok=None)
    say("a run ten years ahead", ahead, ahead.code in (0, 1))
    back = Run(["faketime", "-f", "-3650d", *loud()], ok=None)
    good = back.code in (0, 1) and digest_rows(bench, case) == (0, 0)
    say("then one ten years back", back, good)
    verify = Run([bench.binary, "case", "verify", case], stdout=subprocess.PIPE, ok=None)
    say("`case verify` after it", verify)
    if not good:
        bench.fail("a clock that jumps: rows are lost, doubled, or the run failed")


def mounted(kind, *options):
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode:
        print(f"| {kind} | – | SKIPPED: mount failed: {done.stderr.strip()[:200]} | **SKIPPED** |")
    return done.returncode == 0


def disk_full(bench):
    place = fresh(bench.path("small-disk"))
    size = sum(os.path.getsize(os.path.join(b, n)) for b, _, ns in os.walk(bench.path("reference")) for n in ns)
    for share in (0.02, 0.3, 0.7, 0.95):
        if not mounted("a full disk", "-t", "tmpfs", "-o", f"size={max(262144, int(size * share))}", "tmpfs", place):
            return
        try:
            case = os.path.join(place, "case")
            run = Run(bench.investigate(case), ok=None)
            told = run.code not in (0, 1) and "panick" not in run.said
            say(f"a disk with room for {share:.0%} of the case", run, told)
            if not told:
                bench.fail(f"disk full at {share:.0%}: exit code {run.code}, no clear error: {run.said[-200:]}")
            opened = Run([bench.binary, "case", bench.show, case], ok=None)
            say(f"`case {bench.show}` on the full disk", opened)
            subprocess.run(["mount", "-o", f"remount,size={size * 6}", place], check=True)
            again = Run(bench.investigate(case), ok=None)
            lost, more = digest_rows(bench, case) if again.code in (0, 1) else (-1, -1)
            say(f"again with room: {lost} rows lost, {more} twice or foreign", again, (lost, more) == (0, 0))
            if (lost, more) != (0, 0):
                bench.fail(f"disk full at {share:.0%}, then room: {lost} rows lost, {more} twice or foreign")
        finally:
            subprocess.run(["umount", place], check=True)


def read_only(bench):
    case = copy_of_reference(bench)
    if not mounted("a read-only folder", "--bind", case, case):
        return
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", case], check=True)
        run = Run(bench.investigate(case), ok=None)
        say("investigate with a read-only case", run, run.code not in (0, 1))
        run = Hunt(bench.binary, case, "--sql", "SELECT count(*) AS n FROM events", "--format", "csv", ok=None)
        say("hunt in a read-only case (evidence on a write blocker)", run, run.code == 0)
        if run.code:
            bench.fail("a read-only case cannot be hunted")
        run = Run([bench.binary, "case", "verify", case], stdout=subprocess.PIPE, ok=None)
        say("`case verify` of a read-only case", run, run.code == 0)
    finally:
        subprocess.run(["umount", case], check=True)
    parent = fresh(bench.path("no-entry"))
    if mounted("a read-only parent", "--bind", parent, parent):
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", parent], check=True)
            run = Run(bench.investigate(os.path.join(parent, "new")), ok=None)
            say("a new case in a read-only folder", run, run.code not in (0, 1))
        finally:
            subprocess.run(["umount", parent], check=True)


def commands_on(bench, case):
    """The three ways in."""
    return (
        ("investigate", lambda: Run(bench.investigate(case), ok=None)),
        ("hunt", lambda: Hunt(bench.binary, case, "--sql", "SELECT count(*) AS n FROM events", "--format", "csv", ok=None)),
        (f"case {bench.show}", lambda: Run([bench.binary, "case", bench.show, case], ok=None)),
    )


def wrong_version(bench):
    for version in (99, 0):
        case = copy_of_reference(bench)
        db = sqlite3.connect(os.path.join(case, "knowledge.db"))
        db.execute("UPDATE schema_migration SET version = ? WHERE version = (SELECT MAX(version) FROM schema_migration)", (version,))
        db.commit()
        db.close()
        for name, command in commands_on(bench, case):
            run = command()
            good = run.code not in (0, 1) and "panick" not in run.said
            say(f"schema version {version}: {name}", run, good if version == 99 else None)
            if version == 99 and not good:
                bench.fail(f"schema version 99: {name} exits with {run.code}")


def damaged_knowledge(bench):
    for what in ("cut in half", "no database", "bytes changed"):
        case = copy_of_reference(bench)
        path = os.path.join(case, "knowledge.db")
        for name in ("knowledge.db-wal", "knowledge.db-shm"):
            if os.path.exists(os.path.join(case, name)):
                os.remove(os.path.join(case, name))
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            if what == "cut in half":
                file.truncate(size // 2)
            elif what == "no database":
                file.truncate(0)
                file.write(b"this is no database\n" * 50)
            else:
                for place in range(100, size, 4096 * 3):
                    file.seek(place)
                    file.write(b"\xa5" * 64)
        for name, command in commands_on(bench, case):
            run = command()
            say(f"knowledge.db {what}: {name}", run, None if what == "bytes changed" else "panick" not in run.said and run.code not in (0,))
            if "panick" in run.said:
                bench.fail(f"knowledge.db {what}: {name} panics")


def flips(bench, case, path, draw, check):
    """Damages one file in many ways, one at a time. Counts what `check` says of each."""
    with open(path, "rb") as file:
        whole = file.read()
    damages = [("cut in half", whole[: len(whole) // 2]), ("empty", b""), ("last byte missing", whole[:-1]), ("zeros", bytes(len(whole)))]
    for number in range(bench.args.flips):
        # Ends of files hold the directories; they are hit more often than chance would.
        at = draw.randrange(len(whole)) if number % 3 else draw.choice((draw.randrange(min(64, len(whole))), len(whole) - 1 - draw.randrange(min(2048, len(whole)))))
        changed = bytearray(whole)
        changed[at] ^= 1 << draw.randrange(8)
        damages.append((f"bit changed at {at}", bytes(changed)))
    damages.append(("removed", None))
    told, same, wrong, examples = 0, 0, [], {}
    try:
        for what, content in damages:
            if content is None:
                os.remove(path)
            else:
                with open(path, "wb") as file:
                    file.write(content)
            verdict, run = check()
            if "panick" in run.said:
                wrong.append(f"{what}: panics")
            elif verdict == "error":
                told += 1
                kind = what if not what.startswith("bit") else "bit changed"
                examples.setdefault(kind, run)
            elif verdict == "same":
                same += 1
            else:
                wrong.append(f"{what}: {verdict}")
    finally:
        with open(path, "wb") as file:
            file.write(whole)
    return len(damages), told, same, wrong, examples


def damaged_segments(bench):
    case = copy_of_reference(bench)
    draw = random.Random(5)
    table, paths = max(segments(case).items(), key=lambda s: sum(map(os.path.getsize, s[1])))
    out = bench.path("damaged.parquet")
    # Every value of the columns that come first to mind, in one number that any change moves.
    sql = (f"SELECT count(*) AS n, count(DISTINCT _digest) AS d, count(DISTINCT _host) AS h, sum(_record) AS r, min(_time) AS t, "
           f"sum(length(Image)) AS i, count(_user) AS u, sum(array_length(_observables)) AS o FROM {table}")  # fmt: skip

    def answer():
        run = Hunt(bench.binary, case, "--sql", sql, "--format", "csv", "-o", out, ok=None)
        return run, open(out).read() if run.code == 0 else None

    right = answer()[1]

    def check():
        if os.path.exists(out):
            os.remove(out)
        run, now = answer()
        return ("error" if run.code else "same" if now == right else f"another answer: {now!r}"), run

    number, told, same, wrong, examples = flips(bench, case, paths[0], draw, check)
    print(f"| {number} damages of a segment: {told} errors, {same} the same answer, {len(wrong)} wrong | | {'; '.join(wrong[:3])[:300]} | {'**NO**' if wrong else 'as it should'} |")
    for what, run in examples.items():
        say(f"segment {what}", run)
    if wrong:
        bench.fail(f"damaged segment: {len(wrong)} of {number} wrong without an error: {wrong[:3]}")
    with open(paths[0], "r+b") as file:
        file.seek(os.path.getsize(paths[0]) // 2)
        file.write(b"\xa5\x5a")
    verify = Run([bench.binary, "case", "verify", case], stdout=subprocess.PIPE, ok=None)
    say("`case verify` after two bytes of a segment changed", verify, verify.code not in (0,))
    if verify.code == 0:
        bench.fail("`case verify` does not see a changed segment")


def damaged_index(bench):
    case = copy_of_reference(bench)
    draw = random.Random(6)
    indexes = [os.path.join(b, n) for b, _, ns in os.walk(os.path.join(case, "lake")) for n in ns if n.endswith(".obs")]
    if not indexes:
        print("| damaged index | – | SKIPPED: no .obs files | **SKIPPED** |")
        return
    path = max(indexes, key=os.path.getsize)
    out = bench.path("damaged.ndjson")

    def check():
        run = Hunt(bench.binary, case, "--indicators", bench.planted, "--format", "ndjson", "-o", out, ok=None)
        if run.code not in (0, 1):
            return "error", run
        hits = cited(findings(out))
        return ("same" if hits == bench.truth else f"{len(bench.truth - hits)} hits missing, {len(hits - bench.truth)} too many"), run

    number, told, same, wrong, examples = flips(bench, case, path, draw, check)
    print(f"| {number} damages of an index: {told} errors, {same} the same answer, {len(wrong)} wrong | | {'; '.join(wrong[:3])[:300]} | {'**NO**' if wrong else 'as it should'} |")
    for what, run in examples.items():
        say(f"index {what}", run)
    if wrong:
        bench.fail(f"damaged index: {len(wrong)} of {number} wrong without an error: {wrong[:3]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work")
    parser.add_argument("--steps", default="time,failpoints,cases")
    parser.add_argument("--points", type=int, default=200, help="kills at random moments (200)")
    parser.add_argument("--hits", type=int, default=6, help="hits tried of each failpoint (6)")
    parser.add_argument("--names", help="failpoints, by commas, instead of `palisade case failpoints`")
    parser.add_argument("--only", help="of the step cases: names of functions, by commas")
    parser.add_argument("--flips", type=int, default=60, help="changed bits of a segment and of an index (60)")
    parser.add_argument("--events", type=count, default=160_000, help="events of the evidence, in four files (160k)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("investigate", nargs="*", help="after --: further options for `palisade investigate`")
    args = parser.parse_args()
    need_duckdb()
    bench = Bench(args)
    print(f"{machine()}\n")
    bench.take_reference()
    bench.per_source = {os.path.basename(p): args.events // 4 for p in bench.evidence}
    steps = args.steps.split(",")
    rows = []
    for step, run in (("time", by_time), ("failpoints", by_failpoint)):
        if step in steps:
            rows.append(run(bench).row({"time": "SIGKILL at random moments", "failpoints": "failpoints"}[step]))
    if rows:
        print(f"### Kills\n\n{Tally.HEADER}\n" + "\n".join(rows) + "\n", flush=True)
    if "cases" in steps:
        cases(bench)
    print(f"{len(bench.wrong)} wrong" + "".join(f"\n  {w}" for w in bench.wrong))
    sys.exit(bool(bench.wrong))


if __name__ == "__main__":
    main()
