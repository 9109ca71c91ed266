#!/usr/bin/env python3
"""A second independent engine: pySigma rules as SQL over a table of flattened events.

    pysigma_sqlite.py --rules DIR... --out matches.csv [--cache FILE] -- EVIDENCE...

EVIDENCE: folders, `.evtx`, `.tar.zst` of `.evtx` (the `zstd` command unpacks), and
`.json` with one flat event a line (`synthesise.py`).
Rules of `product: windows` are converted by pySigma with the sysmon and the
windows-logsource pipelines (and once more with windows-audit for 4688 and 4657),
then run one by one. Output: CSV `rule,file,record`, sorted, as `compare.py` reads.
Rules that cannot be converted are counted and written to `<out>.refused`.

What this engine cannot do, and what is done so that it still is a fair oracle:
  * keyword rules: the backend has no full-text search; such rules are refused;
  * a rule on a column that no event has is an SQL error: every field of every
    rule is made a column in advance, and a missing value is NULL;
  * the pipelines test `Channel`, which the cleared log's own Channel (1102, 104)
    would hide: the added conditions read the outer channel instead;
  * an array of unnamed <Data> is one text, joined by newline: `contains` works on it,
    equality with one element does not;
  * SQLite's LIKE folds only ASCII letters.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import tarfile
import time

from evtx import PyEvtxParser
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.pipelines.sysmon import sysmon_pipeline
from sigma.pipelines.windows import windows_audit_pipeline, windows_logsource_pipeline
from sigma.processing.transformations import AddConditionTransformation

OUTER_CHANNEL, OUTER_EVENT = "_outer_channel", "_outer_event"
AUDITED = {"process_creation", "registry_event", "registry_set", "registry_add"}
GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")


# --- events ---------------------------------------------------------------

def text(value):
    """One column's text: braces around bare GUIDs, arrays joined, null kept apart."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(text(v) or "" for v in value)
    value = str(value)
    return "{" + value + "}" if GUID.match(value) else value


def leaves(name, tree, out):
    """Leaf elements by their own name; unnamed and repeated ones are collected."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "#text":
                put(name, value, out)
            elif key not in ("#attributes", "xmlns"):
                leaves(key, value, out)
    elif isinstance(tree, list) and any(isinstance(v, dict) for v in tree):
        for value in tree:
            leaves(name, value, out)
    else:
        put(name, tree, out)


def put(name, value, out):
    name = re.sub(r"\s+", "", re.sub(r"^Data_\d+$", "Data", name))
    value = text(value)
    out[name] = value if name not in out else (out[name] or "") + "\n" + (value or "")


def flatten(event):
    outer = {}
    for name, value in (event.get("System") or {}).items():
        if isinstance(value, dict):
            for attribute, part in (value.get("#attributes") or {}).items():
                outer[f"{name}_{attribute}"] = text(part)
            if "#text" in value:
                outer[name] = text(value["#text"])
        else:
            outer[name] = text(value)
    if not outer.get("Provider_Name"):
        outer["Provider_Name"] = outer.get("Provider_EventSourceName")
    event_id = outer.get("EventID") or ""
    if event_id.isdigit():
        outer["EventID"] = str(int(event_id) & 0xFFFF)
    flat = dict(outer)
    for section in ("EventData", "UserData"):
        inner = {}
        if event.get(section) is not None:
            leaves(section, event[section], inner)
        flat.update(inner)
    flat[OUTER_CHANNEL], flat[OUTER_EVENT] = outer.get("Channel"), outer.get("EventID")
    return flat


def files(roots):
    """(name, bytes) of every .evtx, those inside archives as `archive!member`."""
    for root in roots:
        paths = [root]
        if os.path.isdir(root):
            paths = sorted(os.path.join(base, n) for base, _, names in os.walk(root) for n in names)
        for path in paths:
            if path.endswith((".evtx", ".json")):
                with open(path, "rb") as file:
                    yield path, file.read()
            elif path.endswith(".tar.zst"):
                unpacked = subprocess.run(["zstdcat", path], stdout=subprocess.PIPE, check=True).stdout
                with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
                    for member in archive:
                        if member.isfile() and member.name.endswith(".evtx"):
                            yield f"{path}!{member.name}", archive.extractfile(member).read()


def flat_line(line):
    flat = {re.sub(r"\s+", "", key): text(value) for key, value in json.loads(line).items()}
    flat.setdefault("Provider_Name", flat.get("SourceName"))
    flat.setdefault("Computer", flat.get("Hostname"))
    flat[OUTER_CHANNEL], flat[OUTER_EVENT] = flat.get("Channel"), flat.get("EventID")
    return flat


def records(roots):
    for name, data in files(roots):
        if name.endswith(".json"):
            # SigmaHQ's renderings beside the .evtx are pretty-printed: not for this reader.
            if data.split(b"\n", 1)[0].rstrip().endswith(b"}"):
                for number, line in enumerate(data.split(b"\n"), 1):
                    if line.strip():
                        yield name, number, flat_line(line)
            continue
        try:
            parser = PyEvtxParser(io.BytesIO(data)).records_json()
            while True:
                try:
                    record = next(parser)
                except StopIteration:
                    break
                except RuntimeError:
                    continue  # one damaged record; the reader goes on
                yield name, record["event_record_id"], flatten(json.loads(record["data"])["Event"])
        except (RuntimeError, OSError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)


# --- rules ----------------------------------------------------------------

def outer(pipeline):
    """The same pipeline, its added conditions on the outer channel and event id."""
    names = {"Channel": OUTER_CHANNEL, "EventID": OUTER_EVENT}
    for item in pipeline.items:
        if isinstance(item.transformation, AddConditionTransformation):
            conditions = item.transformation.conditions
            item.transformation.conditions = {names.get(k, k): v for k, v in conditions.items()}
    return pipeline


def convert(folders):
    """[(rule id, sql)], fields, [(path, why refused)]"""
    sysmon = sqliteBackend(outer(sysmon_pipeline()) + outer(windows_logsource_pipeline()))
    audit = sqliteBackend(outer(windows_audit_pipeline()) + outer(windows_logsource_pipeline()))
    queries, refused, fields, rules = [], [], set(), 0
    for folder in folders:
        for base, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if not name.endswith((".yml", ".yaml")):
                    continue
                path = os.path.join(base, name)
                with open(path, encoding="utf-8") as file:
                    source = file.read()
                if not re.search(r"^\s+product:\s*['\"]?windows\b", source, re.M):
                    continue
                rules += 1
                for backend in (sysmon, audit):
                    try:
                        collection = SigmaCollection.from_yaml(source)
                        rule = collection.rules[0]
                        if backend is audit and rule.logsource.category not in AUDITED:
                            continue
                        for sql in backend.convert(collection):
                            queries.append((str(rule.id), sql))
                        fields.update(backend.required_fields(rule))
                    except Exception as error:  # whatever the converter raises is a refusal
                        if backend is sysmon:
                            refused.append((path, f"{type(error).__name__}: {error}"))
    return queries, fields, refused, rules


def cached_rules(folders, cache):
    digest = hashlib.sha256()
    for folder in folders:
        for base, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                digest.update(f"{base}/{name}:{os.path.getsize(os.path.join(base, name))}\n".encode())
    with open(os.path.abspath(__file__), "rb") as file:
        digest.update(file.read())
    if cache and os.path.exists(cache):
        with open(cache, "rb") as file:
            key, value = pickle.load(file)
        if key == digest.digest():
            return value
    value = convert(folders)
    if cache:
        with open(cache, "wb") as file:
            pickle.dump((digest.digest(), value), file)
    return value


# --- run ------------------------------------------------------------------

def regexp(pattern, value, known={}):
    if value is None:
        return None
    if pattern not in known:
        known[pattern] = re.compile(pattern)
    return known[pattern].search(value) is not None


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--cache", help="file that keeps the converted rules between runs")
    parser.add_argument("evidence", nargs="+")
    args = parser.parse_args()

    started = time.process_time()
    queries, fields, refused, rules = cached_rules(args.rules, args.cache)
    with open(args.out + ".refused", "w", encoding="utf-8") as file:
        file.writelines(f"{path}\t{why}\n" for path, why in refused)
    converted = time.process_time()

    # Column names are case-insensitive in SQL: one column per folded name.
    columns = {name.lower(): name for name in sorted(fields | {OUTER_CHANNEL, OUTER_EVENT, "EventID", "Channel"})}
    base = sqlite3.connect(":memory:")
    base.create_function("regexp", 2, regexp, deterministic=True)
    base.execute(
        "CREATE TABLE logs (_file TEXT, _record INTEGER, "
        + ", ".join(f"{quote(c)} TEXT COLLATE NOCASE" for c in columns.values())
        + ")"
    )
    insert = f"INSERT INTO logs VALUES ({','.join('?' * (2 + len(columns)))})"
    events = 0
    for name, record, flat in records(args.evidence):
        folded = {key.lower(): value for key, value in flat.items()}
        base.execute(insert, [name, record, *(folded.get(c) for c in columns)])
        events += 1
    base.execute(f"CREATE INDEX routing ON logs ({quote(OUTER_CHANNEL)}, {quote(OUTER_EVENT)})")
    read = time.process_time()

    matches, failed = set(), 0
    for rule, sql in queries:
        statement = sql.replace("SELECT * FROM", "SELECT _file, _record FROM", 1)
        try:
            matches.update((rule, name, record) for name, record in base.execute(statement))
        except sqlite3.Error as error:
            failed += 1
            print(f"{rule}: {error}", file=sys.stderr)
    done = time.process_time()

    with open(args.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["rule", "file", "record"])
        writer.writerows(sorted(matches))
    print(
        f"rules={rules} refused={len(refused)} queries={len(queries)} failed={failed} events={events} "
        f"matches={len(matches)} convert_s={converted - started:.1f} read_s={read - converted:.1f} "
        f"match_s={done - read:.1f} events_per_cpu_s={events / max(done - converted, 1e-9):.0f}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
