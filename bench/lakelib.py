"""What the lake benchmarks share: one measured process, Palisade's hunt, DuckDB on the same files.

No script by itself. Two rules hold in all of them:
  * CPU is user + system seconds of the whole process, RSS its peak (`os.wait4`). A process that
    grows over the cap is killed and the measurement fails.
  * DuckDB runs in a process of its own per measurement, as `palisade hunt` does. The measuring
    process loads neither: Linux counts the memory of the parent at the fork as the child's.
"""

import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CAP_MB = 2048
ENVELOPE = (
    "_time", "_shape", "_vector", "_source", "_member", "_record", "_offset", "_flags", "_digest", "_host", "_user",
    "_src_ip", "_dst_ip", "_observables", "_rest",
)  # fmt: skip
KNOWLEDGE = ("findings", "sources", "problems", "coverage", "verdicts", "runs")


class Run:
    """One process: wall and CPU seconds, peak RSS in MB, exit code, what it said on stderr."""

    def __init__(self, command, cap_mb=None, env=None, stdout=subprocess.DEVNULL, stdin=None, ok=(0,), limit_s=None):
        self.command = [str(c) for c in command]
        with tempfile.TemporaryFile() as errors:
            started = time.monotonic()
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=stdout,
                stderr=errors,
                env={**os.environ, **(env or {})},
            )
            stop, self.killed = threading.Event(), None
            watch = threading.Thread(target=self._watch, args=(process.pid, cap_mb, limit_s, started, stop))
            if cap_mb or limit_s:
                watch.start()
            if stdin is not None:
                process.stdin.write(stdin)
                process.stdin.close()
            self.output = process.stdout.read() if stdout == subprocess.PIPE else b""
            _, status, usage = os.wait4(process.pid, 0)
            self.wall = time.monotonic() - started
            stop.set()
            if watch.is_alive():
                watch.join()
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            self.said = errors.read().decode("utf-8", "replace")
        self.code = process.returncode
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss / 1024
        if cap_mb and self.rss > cap_mb:
            self.killed = f"peak memory {self.rss:.0f} MB is over the cap of {cap_mb} MB"
        if self.killed:
            sys.exit(f"{' '.join(self.command)}\n{self.killed}\n{self.said[-2000:]}")
        if ok is not None and self.code not in ok:
            sys.exit(f"{' '.join(self.command)}\nfailed with {self.code}:\n{self.said[-2000:]}")

    def _watch(self, pid, cap_mb, limit_s, started, stop):
        """Kills the process when it is too large or too slow; looks 50 times a second."""
        while not stop.wait(0.02):
            try:
                with open(f"/proc/{pid}/statm") as file:
                    resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            except (OSError, IndexError, ValueError):
                return
            if cap_mb and resident > cap_mb:
                self.killed = f"memory {resident:.0f} MB is over the cap of {cap_mb} MB"
            elif limit_s and time.monotonic() - started > limit_s:
                self.killed = f"still running after {limit_s} s"
            else:
                continue
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
            return


UNITS = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


class Hunt(Run):
    """`palisade hunt`, and what it says of itself: rows, seconds, bytes read."""

    def __init__(self, binary, case, *options, cap_mb=CAP_MB, limit_s=None, ok=(0,)):
        super().__init__([binary, "hunt", "--case", case, *options], cap_mb=cap_mb, limit_s=limit_s, ok=ok)
        found = re.search(r"([\d,]+) (?:rows?|findings?|hits?)\b.*? in ([\d.]+) (m?s)\b", self.said)
        self.rows = int(found[1].replace(",", "")) if found else None
        self.seconds = float(found[2]) / (1000 if found[3] == "ms" else 1) if found else self.wall
        self.bytes_read = bytes_read(self.said)


def bytes_read(said):
    """The bytes that a hunt says it read below lake/, or None: `1234 bytes read`, `bytes read: 1,234`, `read 1.2 MB`."""
    for pattern in (
        r"([\d,]+)\s+bytes read",
        r"bytes[ _]read[:=]?\s*([\d,]+)",
        r"([\d.,]+)\s*([KMGT]?i?B)\s+read",
        r"\bread\s+([\d.,]+)\s*([KMGT]?i?B|bytes)\b",
    ):
        found = re.search(pattern, said, re.I)
        if found:
            unit = found[2].upper() if found.lastindex == 2 else "B"
            return int(float(found[1].replace(",", "")) * UNITS.get(unit, 1))
    return None


def binaries():
    """The product's binary and the event generator, from the environment."""
    binary = os.environ.get("PALISADE_BIN")
    if not binary:
        sys.exit("set PALISADE_BIN to the product's release binary (see --help)")
    given = os.environ.get("PALISADE_EVENTS")
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "target"))
    events = given or os.path.join(target, "release", "palisade-events")
    if not os.path.exists(events):
        sys.exit(f"{events} is not there: `cargo build --release` in bench/, or set PALISADE_EVENTS")
    return binary, events


def data_folder():
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    host = os.path.abspath(os.path.join(data, "host"))
    if not os.path.isdir(host):
        sys.exit(f"{host} is not there: set PALISADE_TEST_DATA to the data folder")
    return host


def work_folder(given):
    """--work, or $PALISADE_BENCH_DIR; never a temporary folder: what is built there takes hours."""
    work = given or os.environ.get("PALISADE_BENCH_DIR")
    if not work:
        sys.exit("name a folder for the data with --work or PALISADE_BENCH_DIR")
    os.makedirs(work, exist_ok=True)
    return os.path.abspath(work)


def tables(case):
    """Names of the tables of the lake: folders that hold segments."""
    lake = os.path.join(case, "lake")
    found = []
    for entry in sorted(os.scandir(lake), key=lambda e: e.name):
        if entry.is_dir() and any(name.endswith(".parquet") for name in os.listdir(entry.path)):
            found.append(entry.name)
    return found


def sizes(case):
    """Bytes on disk of the parts of a case, and the number of segments."""
    out = {"parquet": 0, "index": 0, "lake_other": 0, "knowledge": 0, "segments": 0}
    for base, _, names in os.walk(case):
        for name in names:
            size = os.path.getsize(os.path.join(base, name))
            if os.path.join(case, "lake") not in base:
                if name.startswith("knowledge.db"):
                    out["knowledge"] += size
            elif name.endswith(".parquet"):
                out["parquet"] += size
                out["segments"] += 1
            elif name.endswith(".obs"):
                out["index"] += size
            else:
                out["lake_other"] += size
    return out


def knowledge_copies(binary, case, folder, names=("findings",)):
    """Tables of knowledge as Parquet: DuckDB cannot read them where they are. Not measured."""
    out = {}
    for name in names:
        path = os.path.join(folder, f"{name}.parquet")
        Hunt(binary, case, "--sql", f"SELECT * FROM {name}", "--format", "parquet", "-o", path, "--no-cite")
        out[name] = path
    return out


DUCK = r"""
import json, sys, time
job = json.load(sys.stdin)
started = time.monotonic()
import duckdb
loaded = time.monotonic()
con = duckdb.connect()
con.execute("SET TimeZone='UTC'")
con.execute(f"SET threads={job['threads']}")
con.execute(f"SET memory_limit='{job['memory']}'")
con.execute(f"SET temp_directory='{job['temp']}'")
con.execute("SET preserve_insertion_order=false")
con.execute("SET enable_progress_bar=false")
for statement in job["setup"]:
    con.execute(statement)
results = []
for query in job["queries"]:
    begun = time.monotonic()
    try:
        if query.get("out"):
            kind = "PARQUET" if query["out"].endswith(".parquet") else "CSV"
            rows = con.execute(f"COPY ({query['sql']}) TO '{query['out']}' (FORMAT {kind})").fetchone()[0]
        else:
            rows = con.execute(query["sql"]).fetchall()
        results.append({"rows": rows, "seconds": time.monotonic() - begun})
    except duckdb.Error as error:
        results.append({"error": str(error)})
print(json.dumps({"load": loaded - started, "total": time.monotonic() - loaded, "version": duckdb.__version__, "results": results}, default=str))
"""


def duck_setup(case, copies=None):
    """Statements that make the lake's tables views over its Parquet files."""
    lake = os.path.join(case, "lake")
    envelope = ", ".join(f'"{c}"' for c in ENVELOPE)
    setup = [
        f"CREATE VIEW events AS SELECT {envelope} FROM read_parquet('{lake}/*/*.parquet', union_by_name=true)",
    ]
    for name in tables(case):
        setup.append(f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{lake}/{name}/*.parquet', union_by_name=true)")
    for name, path in (copies or {}).items():
        setup.append(f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{path}')")
    return setup


def used_tables(sql, setup):
    """The views a query names: making a view reads the footers of all its files."""
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", sql))
    return [s for s in setup if re.match(r'CREATE VIEW "?(\w+)"?', s)[1] in words]


class Duck(Run):
    """One process of DuckDB: `.total` seconds from connecting to the last row, without the import."""

    def __init__(self, setup, queries, cap_mb=None, threads=2, memory="2GB", limit_s=None):
        with tempfile.TemporaryDirectory(prefix="palisade-duck-") as temp:
            job = {"setup": setup, "queries": queries, "threads": threads, "memory": memory, "temp": temp}
            super().__init__(
                [sys.executable, "-c", DUCK], stdin=json.dumps(job).encode(), stdout=subprocess.PIPE, cap_mb=cap_mb,
                limit_s=limit_s,
            )  # fmt: skip
        answer = json.loads(self.output.splitlines()[-1])
        self.total, self.version, self.results = answer["total"], answer["version"], answer["results"]
        for query, result in zip(queries, self.results):
            if "error" in result and not query.get("may_fail"):
                sys.exit(f"DuckDB: {result['error']}\nin: {query['sql']}")


def need_duckdb():
    code = subprocess.run([sys.executable, "-c", "import duckdb, pyarrow"], capture_output=True).returncode
    if code:
        sys.exit("DuckDB and pyarrow are missing: python3 -m venv venv && venv/bin/pip install -r requirements.txt")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, max(0, int(len(values) * share + 0.999999) - 1))]


def machine():
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{os.cpu_count()} processors, load average {load} at the start"


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def count(text):
    """1M → 1000000."""
    found = re.fullmatch(r"([\d_]+)([kKmM]?)", text)
    if not found:
        sys.exit(f"{text!r} is no number of events: 250000, 250k, 1M")
    return int(found[1].replace("_", "")) * {"": 1, "k": 1000, "m": 1_000_000}[found[2].lower()]


def short(number):
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if number >= size and number % size == 0:
            return f"{number // size}{unit}"
    return str(number)


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


median = statistics.median
