#!/usr/bin/env python3
"""The same answers from `palisade hunt` and from DuckDB, over the same Parquet files.

    PALISADE_BIN=… same.py --case CASE [--queries queries.sql] [--only 3,17] [--show]

Every query of queries.sql runs in both; both write Parquet, the rows are sorted and compared cell
by cell: texts, integers, times (UTC, microseconds) and lists exactly, floats to one part in 10^9.
Names of columns must agree, types need not (a sum is a bigger integer there). Prints a line a
query with the seconds of both (hunt's own and DuckDB's own; one run, no medians), and last
`30/30 identical`. A case that lake.py built has everything the queries ask for.

Exit code: 0 if all are identical and none is empty, 1 otherwise.
Needs duckdb and pyarrow (requirements.txt).
"""

import argparse
import datetime
import decimal
import json
import math
import os
import re
import subprocess
import sys
import tempfile

from lakelib import HERE, Duck, Hunt, duck_setup, knowledge_copies, machine, need_duckdb, used_tables

TOLERANCE = 1e-9
# Reading Parquet stays in a process of its own: the measuring process keeps its memory small.
READ = r"""
import json, sys, pyarrow.parquet as pq
sys.path.insert(0, sys.argv[1])
from same import compare
print(json.dumps(compare(pq.read_table(sys.argv[2]), pq.read_table(sys.argv[3]))))
"""


def load(path):
    """[(number, title, sql, sql for DuckDB, may be empty)]"""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    out = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().splitlines()
        head = re.match(r"-- (\d+) (.*)", lines[0]) if lines else None
        if not head:
            continue
        sql = " ".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
        theirs = sql
        for line in lines:
            if line.startswith("-- duckdb: "):
                this, that = line.removeprefix("-- duckdb: ").split(" => ")
                if this not in theirs:
                    sys.exit(f"{path}: query {head[1]} has no {this!r} to replace")
                theirs = theirs.replace(this, that)
        out.append((int(head[1]), head[2], sql, theirs, "-- empty" in lines))
    return out


def plain(value):
    """A cell as a value that both sides write alike."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return value.isoformat(timespec="microseconds")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def key(cell):
    """An order over cells of any kind; floats that are nearly equal sort together."""
    if cell is None:
        return (0, "")
    if isinstance(cell, bool):
        return (1, str(cell))
    if isinstance(cell, (int, float)):
        return (2, float(f"{cell:.7g}") if isinstance(cell, float) else cell)
    return (3, json.dumps(cell))


def equal(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) or isinstance(b, float):
        if a is None or b is None or not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
            return a is b
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (a != a and b != b)
    return a == b


def compare(ours, theirs):
    """{"rows", "their_rows", "why"}; `why` is empty if the tables are the same."""
    answer = {"rows": ours.num_rows, "their_rows": theirs.num_rows, "why": ""}
    if ours.column_names != theirs.column_names:
        answer["why"] = f"columns {ours.column_names} here, {theirs.column_names} in DuckDB"
        return answer
    tables = []
    for table in (ours, theirs):
        columns = [[plain(v) for v in column.to_pylist()] for column in table.columns]
        tables.append(sorted(zip(*columns), key=lambda row: [key(c) for c in row]))
    if len(tables[0]) != len(tables[1]):
        mine, other = (set(map(repr, t)) for t in tables)
        answer["why"] = (
            f"{len(tables[0])} rows here, {len(tables[1])} in DuckDB; "
            f"only here {sorted(mine - other)[:2]}, only there {sorted(other - mine)[:2]}"
        )
        return answer
    for a, b in zip(*tables):
        for name, x, y in zip(ours.column_names, a, b):
            if not equal(x, y):
                answer["why"] = f"{name}: {x!r} here, {y!r} in DuckDB, in row {a!r}"
                return answer
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True)
    parser.add_argument("--queries", default=os.path.join(HERE, "queries.sql"))
    parser.add_argument("--only", help="numbers of queries, by commas")
    parser.add_argument("--show", action="store_true", help="print the text of queries that differ")
    args = parser.parse_args()
    binary = os.environ.get("PALISADE_BIN") or sys.exit("set PALISADE_BIN to the product's release binary (see --help)")
    need_duckdb()
    queries = load(args.queries)
    if args.only:
        wanted = set(map(int, args.only.split(",")))
        queries = [q for q in queries if q[0] in wanted]
    print(f"{machine()}\n")
    print("| | query | rows | here s | DuckDB s | |\n| ---: | --- | ---: | ---: | ---: | --- |")
    identical = 0
    with tempfile.TemporaryDirectory(prefix="palisade-same-") as folder:
        copies = knowledge_copies(binary, args.case, folder)
        setup = duck_setup(args.case, copies)
        for number, title, sql, theirs_sql, may_be_empty in queries:
            ours_path, theirs_path = (os.path.join(folder, f"{number}-{side}.parquet") for side in ("ours", "theirs"))
            ours = Hunt(binary, args.case, "--sql", sql, "--format", "parquet", "-o", ours_path, "--no-cite", ok=None)
            query = {"sql": theirs_sql, "out": theirs_path, "may_fail": True}
            theirs = Duck(used_tables(theirs_sql, setup), [query])
            failed = theirs.results[0].get("error")
            if ours.code:
                answer = {"rows": "–", "why": f"hunt failed with {ours.code}: {ours.said.strip()[-300:]}"}
            elif failed:
                answer = {"rows": ours.rows, "why": f"DuckDB failed: {failed[:300]}"}
            else:
                done = subprocess.run([sys.executable, "-c", READ, HERE, ours_path, theirs_path], capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
                answer = json.loads(done.stdout)
                if not answer["why"] and not answer["rows"] and not may_be_empty:
                    answer["why"] = "no rows: nothing is compared"
            identical += not answer["why"]
            verdict = "identical" if not answer["why"] else "**" + answer["why"].replace("|", "\\|").replace("\n", " ") + "**"
            print(f"| {number} | {title} | {answer['rows']} | {ours.seconds:.3f} | {theirs.total:.3f} | {verdict} |", flush=True)
            if args.show and answer["why"]:
                print(f"\n{sql}\n")
    print(f"\n{identical}/{len(queries)} identical")
    sys.exit(identical != len(queries))


if __name__ == "__main__":
    main()
