#!/usr/bin/env python3
"""Which form should the lake have: a table per kind of record, or one table of forty columns?

    spike.py --case CASE [--out DIR] [--runs 5]

Takes the Parquet of a case's lake and asks the same questions, with DataFusion (PyPI `datafusion`, the version the
product builds on), of three forms:

  union    a table per kind; what concerns all kinds is a UNION ALL over the tables' envelope columns
  one scan a table per kind; what concerns all kinds is one scan of every file's envelope columns
  forty    one table: the envelope and the 25 fields that most rows have, the others in a text column

Prints seconds (median of --runs, 2 threads) and bytes per event of each form.
"""
import argparse
import glob
import os
import shutil
import statistics
import sys
import time


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True)
    parser.add_argument("--out", default="/tmp/palisade-spike")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    try:
        import datafusion
        import duckdb
    except ImportError as e:
        print(f"needs the PyPI packages datafusion and duckdb: {e}", file=sys.stderr)
        return 2

    tables = sorted(os.path.basename(t) for t in glob.glob(f"{args.case}/lake/*") if os.path.isdir(t))
    files = lambda t: f"{args.case}/lake/{t}/*.parquet"
    os.makedirs(args.out, exist_ok=True)
    duck = duckdb.connect()
    duck.execute("SET threads=2; SET memory_limit='3GB'; SET preserve_insertion_order=false")
    rows = 0
    envelope, filled = None, {}
    for t in tables:
        described = duck.execute(f"DESCRIBE SELECT * FROM read_parquet('{files(t)}', union_by_name=true)").fetchall()
        names = [d[0] for d in described]
        own = [n for n in names if n.startswith("_")]
        envelope = own if envelope is None else [n for n in envelope if n in own]
        count = duck.execute(f"SELECT count(*) FROM read_parquet('{files(t)}')").fetchone()[0]
        rows += count
        fields = [n for n in names if not n.startswith("_")]
        counts = ", ".join(f'count("{n}")' for n in fields)
        for n, c in zip(fields, duck.execute(f"SELECT {counts} FROM read_parquet('{files(t)}', union_by_name=true)").fetchone()):
            filled.setdefault(n.lower(), [n, 0])[1] += c
    forty = ["EventID", "Image", "CommandLine"]
    known = {n.lower() for n in forty}
    forty += [n for n, _ in sorted(filled.values(), key=lambda x: -x[1]) if n.lower() not in known][:22]
    wide = f"{args.out}/forty"
    shutil.rmtree(wide, ignore_errors=True)
    os.makedirs(wide)
    for i, t in enumerate(tables):
        described = {d[0].lower(): d[0] for d in duck.execute(f"DESCRIBE SELECT * FROM read_parquet('{files(t)}', union_by_name=true)").fetchall()}
        pick = [f'"{n}"' for n in envelope if n != "_rest"]
        pick += [f'CAST("{described[n.lower()]}" AS VARCHAR) AS "{n}"' if n.lower() in described else f'NULL::VARCHAR AS "{n}"' for n in forty]
        others = [n for k, n in described.items() if not n.startswith("_") and k not in {f.lower() for f in forty}]
        packed = ", ".join(f""""{n}" := "{n}\"""" for n in others)
        pick.append(f"CAST(to_json(struct_pack({packed})) AS VARCHAR) AS _rest" if others else '"_rest"')
        duck.execute(f"COPY (SELECT {', '.join(pick)} FROM read_parquet('{files(t)}', union_by_name=true) ORDER BY _time) "
                     f"TO '{wide}/{i}.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)")

    size = lambda pattern: sum(os.path.getsize(f) for f in glob.glob(pattern))
    print(f"{rows:,} rows in {len(tables)} tables; bytes per event: a table per kind {size(args.case + '/lake/*/*.parquet') / rows:.1f}, "
          f"forty columns {size(wide + '/*.parquet') / rows:.1f}")

    def session() -> "datafusion.SessionContext":
        config = datafusion.SessionConfig().with_target_partitions(2)
        config = config.set("datafusion.sql_parser.enable_ident_normalization", "false")
        config = config.set("datafusion.execution.parquet.pushdown_filters", "true")
        return datafusion.SessionContext(config)

    import pyarrow as pa
    import pyarrow.parquet as pq

    def schema_of(t: str) -> "pa.Schema":
        return pa.unify_schemas([pq.read_schema(f) for f in glob.glob(files(t))])

    ctx = session()
    for t in tables:
        ctx.register_listing_table(t, f"{args.case}/lake/{t}/", file_extension=".parquet", schema=schema_of(t))
    flat = f"{args.out}/all"
    shutil.rmtree(flat, ignore_errors=True)
    os.makedirs(flat)
    for f in glob.glob(f"{args.case}/lake/*/*.parquet"):
        os.symlink(os.path.abspath(f), f"{flat}/{f.split('/')[-2]}-{os.path.basename(f)}")
    first = pq.read_schema(glob.glob(files(tables[0]))[0])
    ctx.register_listing_table("one_scan", flat + "/", file_extension=".parquet",
                               schema=pa.schema([first.field(n) for n in envelope]))
    ctx.register_parquet("forty", wide + "/")
    columns = ", ".join(envelope)
    union = " UNION ALL ".join(f"SELECT {columns} FROM {t}" for t in tables)
    ctx.sql(f"CREATE VIEW united AS {union}")
    every = f"read_parquet('{args.case}/lake/*/*.parquet', union_by_name=true)"
    popular = duck.execute(f"SELECT o FROM (SELECT unnest(_observables) AS o FROM {every}) "
                           "WHERE o LIKE 'ip:%' GROUP BY o ORDER BY count(*) DESC, o LIMIT 1 OFFSET 5").fetchone()[0]
    questions = {
        "rows by day": "SELECT date_trunc('day', _time) AS d, count(*) AS n FROM {t} GROUP BY 1",
        "top hosts": "SELECT _host, count(*) AS n FROM {t} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
        "who had this address": f"SELECT _time, _host, _shape FROM {{t}} WHERE array_has(_observables, '{popular}') ORDER BY 1 LIMIT 100",
    }
    of_kind = ("encoded commands", "SELECT _time, _host, \"CommandLine\" FROM {t} WHERE \"EventID\" = {one} AND \"CommandLine\" LIKE '%encod%'")

    def measure(sql: str) -> float:
        times = []
        for _ in range(args.runs):
            began = time.perf_counter()
            ctx.sql(sql).collect()
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    print(f"| question | union, s | one scan, s | forty columns, s |\n| --- | ---: | ---: | ---: |")
    for name, sql in questions.items():
        cells = [measure(sql.format(t=t)) for t in ("united", "one_scan", "forty")]
        print(f"| {name} | " + " | ".join(f"{c:.3f}" for c in cells) + " |", flush=True)
    if "windows_sysmon" in tables:
        name, sql = of_kind
        own = measure(sql.format(t="windows_sysmon", one="1"))
        wide_one = measure(sql.format(t="forty", one="'1'") + " AND _shape LIKE 'windows/sysmon%'")
        print(f"| {name} (one kind) | {own:.3f} | {own:.3f} | {wide_one:.3f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
