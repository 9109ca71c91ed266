#!/usr/bin/env python3
"""Speed of Palisade and its peers on the same data in the same run, as Markdown.

    PALISADE_BIN=… PALISADE_PEERS=… python3 bench/speed.py [--runs 3] [--only evtx,ndjson,curve]

Environment:
  PALISADE_BIN        the product's release binary (required)
  PALISADE_PEERS      the `palisade-bench` binary (required; `cargo build --release` in bench/)
  PALISADE_TEST_DATA  the data folder (default ../shared/data beside the repository)
  PALISADE_BENCH_DIR  where the data is unpacked, ≈ 2.4 GB (default: a temporary folder, removed at the end)

Data:
  evtx    ten copies of every .evtx given: regression, evtx-attack-samples, evtx-odd
  ndjson  the Windows host logs of Mordor, one event a line: atomic/windows and the
          four LSASS campaigns. Left out: Zeek, auditd, CloudTrail, Golden SAML and
          Log4Shell, which hold no flat Windows events.
Rules: sigma/rules/windows, rules-emerging-threats, rules-threat-hunting; the product's
own rules are left out so that all engines carry the same load.

What is measured: one whole process each: rules loaded, files read, NDJSON (or CSV)
written to a file. CPU is user + system of the process (it holds on a busy machine;
wall time does not), RSS its peak. Median of the runs, after one run that warms the
file cache. Rates divide by the *live* events that the crate `evtx` reads; what
Palisade reads beside them from unused space is work without credit. `without load`
takes off the CPU of the same command on one tiny file.
The parse-only rows are the ceiling of the usual way to read: crate evtx to JSON
text, sonic-rs to a value, no rule looked at.
"""

import argparse
import glob
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RULE_FOLDERS = ("rules/windows", "rules-emerging-threats", "rules-threat-hunting")
COPIES = 10


def unpack_zst(path):
    return subprocess.run(["zstdcat", path], stdout=subprocess.PIPE, check=True).stdout


def prepare_evtx(host, root):
    """root/copy-NN/{regression,evtx-attack-samples,evtx-odd}/… .evtx"""
    done = os.path.join(root, "complete")
    if os.path.exists(done):
        return
    shutil.rmtree(root, ignore_errors=True)
    first = os.path.join(root, "copy-00")
    for path in glob.glob(os.path.join(host, "regression", "*", "*.evtx")):
        target = os.path.join(first, "regression", os.path.basename(path))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
    for name in ("evtx-attack-samples", "evtx-odd"):
        data = unpack_zst(os.path.join(host, name + ".tar.zst"))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".evtx") and ".." not in member.name:
                    target = os.path.join(first, name, member.name)
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    with open(target, "wb") as file:
                        file.write(archive.extractfile(member).read())
    for copy in range(1, COPIES):
        shutil.copytree(first, os.path.join(root, f"copy-{copy:02}"))
    open(done, "w").close()


def prepare_ndjson(host, root):
    done = os.path.join(root, "complete")
    if os.path.exists(done):
        return
    shutil.rmtree(root, ignore_errors=True)
    mordor = os.path.join(host, "mordor")
    paths = glob.glob(os.path.join(mordor, "atomic", "windows", "**", "*.json.zst"), recursive=True)
    paths += glob.glob(os.path.join(mordor, "compound", "LSASS_campaign_0*", "*.json.zst"))
    for path in sorted(paths):
        target = os.path.join(root, os.path.relpath(path, mordor)).removesuffix(".zst")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["zstd", "-dqf", path, "-o", target], check=True)
    open(done, "w").close()


def rule_sample(host, root, count):
    """Every k-th rule file by path, as links: the same rules each time."""
    if count is None:
        return [os.path.join(host, "sigma", f) for f in RULE_FOLDERS]
    files = sorted(
        path
        for folder in RULE_FOLDERS
        for path in glob.glob(os.path.join(host, "sigma", folder, "**", "*.yml"), recursive=True)
    )
    target = os.path.join(root, f"rules-{count}")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    for index in range(count):
        path = files[index * len(files) // count]
        shutil.copyfile(path, os.path.join(target, f"{index:04}-{os.path.basename(path)}"))
    return [target]


class Run:
    """One process: CPU seconds, wall seconds, peak RSS in MB, and what it said."""

    def __init__(self, command):
        with tempfile.TemporaryFile() as errors:
            started = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            self.wall = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            self.said = errors.read().decode("utf-8", "replace")
        if process.returncode not in (0, 1):
            sys.exit(f"{' '.join(command)}\nfailed with {process.returncode}:\n{self.said[-2000:]}")
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss / 1024


class Tool:
    def __init__(self, name, command, out=None, rules=None):
        self.name, self.command, self.out, self.rules = name, command, out, rules

    def measure(self, evidence, runs):
        command = self.command + ["--" ] + [evidence]
        results = [Run(command) for _ in range(runs)]
        self.cpu = statistics.median(r.cpu for r in results)
        self.wall = statistics.median(r.wall for r in results)
        self.rss = max(r.rss for r in results)
        self.spread = max(r.cpu for r in results) - min(r.cpu for r in results)
        self.facts(results[-1].said)
        return self

    def facts(self, said):
        """Rules loaded, events and matches as the tool itself reports them."""
        found = dict(re.findall(r"(\w+)=([\d.]+)", said))
        if self.out and self.out.endswith(".ndjson"):
            with open(self.out, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(-min(file.tell(), 65536), os.SEEK_END)
                summary = json.loads(file.read().splitlines()[-1])
            found = {
                "rules_loaded": summary["rules_loaded"],
                "events": summary["events"],
                "matches": summary["findings"],
            }
        self.loaded = found.get("rules_loaded", "–")
        self.events = int(float(found.get("events", 0)))
        self.matches = found.get("matches", "–") if self.rules else "–"


def palisade(binary, rules, out, *options):
    command = [binary, "investigate", "--quiet", "--format", "ndjson", "--no-shipped-rules", "--output", out]
    for folder in rules:
        command += ["--rules", folder]
    return Tool("palisade " + " ".join(options), command + list(options), out, rules)


def rsigma(peers, rules, out):
    return Tool("rsigma-eval 0.23, 1 thread", [peers, "rsigma", "--out", out, "--rules", *rules], out, rules)


HEADER = (
    "| tool | rules | CPU s | events/CPU-s | without load | wall s | events/s wall | RSS MB | events | matches |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def row(tool, events, load):
    net = max(tool.cpu - load, 1e-9)
    return (
        f"| {tool.name} | {tool.loaded} | {tool.cpu:.2f} ± {tool.spread / 2:.2f} | {events / tool.cpu:,.0f} "
        f"| {events / net:,.0f} | {tool.wall:.2f} | {events / tool.wall:,.0f} | {tool.rss:.0f} "
        f"| {tool.events:,} | {tool.matches} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--curve-runs", type=int, default=1)
    parser.add_argument("--only", default="evtx,ndjson,curve")
    args = parser.parse_args()
    only = set(args.only.split(","))
    binary, peers = os.environ.get("PALISADE_BIN"), os.environ.get("PALISADE_PEERS")
    if not binary or not peers:
        sys.exit("set PALISADE_BIN and PALISADE_PEERS to the two release binaries (see --help)")
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    host = os.path.abspath(os.path.join(data, "host"))
    if not os.path.isdir(host):
        sys.exit(f"{host} is not there: set PALISADE_TEST_DATA to the data folder")
    given = os.environ.get("PALISADE_BENCH_DIR")
    bench = given or tempfile.mkdtemp(prefix="palisade-bench-")
    os.makedirs(bench, exist_ok=True)
    try:
        measure(args, only, binary, peers, host, bench)
    finally:
        if not given:
            shutil.rmtree(bench, ignore_errors=True)


def measure(args, only, binary, peers, host, bench):
    evtx, ndjson = os.path.join(bench, "evtx"), os.path.join(bench, "ndjson")
    if {"evtx", "curve"} & only:
        prepare_evtx(host, evtx)
    if {"ndjson", "curve"} & only:
        prepare_ndjson(host, ndjson)
    tiny = os.path.join(bench, "tiny")
    os.makedirs(tiny, exist_ok=True)
    with open(os.path.join(tiny, "tiny.json"), "w", encoding="utf-8") as file:
        file.write('{"Channel":"System","EventID":1,"Hostname":"h","SourceName":"s","@timestamp":"2020-01-01T00:00:00Z"}\n')
    found, csv = os.path.join(bench, "out.ndjson"), os.path.join(bench, "out.csv")
    everything = rule_sample(host, bench, None)
    load_of = {}

    def load(tool):
        """CPU seconds of the same command on one event."""
        key = " ".join(tool.command)
        if key not in load_of:
            load_of[key] = statistics.median(Run(tool.command + ["--", tiny]).cpu for _ in range(3))
        return load_of[key]

    print(f"{os.cpu_count()} processors, load average {', '.join(f'{x:.1f}' for x in os.getloadavg())} at the start, {args.runs} runs each\n")
    limits = {"evtx": ("evtx 0.15 to JSON text only", "evtx-only"), "ndjson": ("sonic-rs parse only", "json-only")}
    live = {}
    for kind, evidence in (("evtx", evtx), ("ndjson", ndjson)):
        if kind not in only and "curve" not in only:
            continue
        label, sub = limits[kind]
        limit = Tool(label, [peers, sub])
        Run(limit.command + ["--", evidence])
        limit.measure(evidence, args.runs)
        live[kind] = limit.events
        if kind not in only:
            continue
        print(f"### {kind}: {limit.events:,} live events\n\n{HEADER}")
        print(row(limit, limit.events, 0), flush=True)
        for tool in (
            rsigma(peers, everything, csv),
            palisade(binary, everything, found, "--jobs", "1", "--no-hash"),
            palisade(binary, everything, found, "--jobs", "1"),
            palisade(binary, everything, found, "--jobs", "2", "--no-hash"),
            palisade(binary, everything, found, "--jobs", "2"),
        ):
            print(row(tool.measure(evidence, args.runs), limit.events, load(tool)), flush=True)
        print()

    if "curve" in only:
        print("### Cost over the number of rules (µs of CPU per event, load taken off)\n")
        print("| rules | palisade EVTX | rsigma EVTX | palisade NDJSON | rsigma NDJSON | palisade load s | rsigma load s |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for count in (10, 100, 1000, None):
            rules = rule_sample(host, bench, count)
            ours = palisade(binary, rules, found, "--jobs", "1", "--no-hash")
            theirs = rsigma(peers, rules, csv)
            cells = []
            for kind, evidence in (("evtx", evtx), ("ndjson", ndjson)):
                for tool in (ours, theirs):
                    tool.measure(evidence, args.curve_runs)
                    cells.append(f"{(tool.cpu - load(tool)) / live[kind] * 1e6:.2f}")
            print(f"| {ours.loaded} | {' | '.join(cells)} | {load(ours):.2f} | {load(theirs):.2f} |", flush=True)
        print()


if __name__ == "__main__":
    main()
