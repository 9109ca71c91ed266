#!/usr/bin/env python3
"""Test events that were written for other rules (panther-analysis): does Palisade say of them what their authors expect?

  PALISADE_BIN=../target/release/palisade python3 panther.py [--list] [--sigma DIR ...]

Data: $PALISADE_TEST_DATA/host/panther-tests.jsonl.zst (default ../../shared/data). Each event is a record of one log and says whether the
rule it was written for must hold of it. `panther-map.csv` says which rules, shipped ones or SigmaHQ's, mean the same thing;
it was made from what the rules say they look for, before anything was run, and names one where the meaning fits even if the conditions differ. `later` names
rules that were written because of a disagreement: what they hit is counted apart, since it proves nothing.
Events are written one log a file, as the service gives them (names that begin with `p_` are the collector's and left out), and investigated
together with the shipped and the SigmaHQ rules.

Printed: by log, how many tests there are and of how many anything is said; of mapped tests, how many positives are hit, how many
negatives are hit, and how many negatives have a high or critical finding of any rule. `--list` names every disagreement; `panther-why.csv`
gives reasons for those that were looked at, and the command fails if one has none.
"""

import argparse
import collections
import csv
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# Logs that Palisade reads; what the events of the rest look like is of no concern to it.
READ = ["AWS.CloudTrail", "Amazon.EKS.Audit", "Azure.Audit", "Azure.MonitorActivity", "Duo.Administrator", "Duo.Authentication",
        "GCP.AuditLog", "GSuite.ActivityEvent", "GitHub.Audit", "Microsoft365.Audit.AzureActiveDirectory", "Microsoft365.Audit.Exchange",
        "Microsoft365.Audit.SharePoint", "Okta.SystemLog", "OneLogin.Events", "Windows.EventLogs"]
GRAVE = ("high", "critical")


def native(event):
    """The record as its service writes it."""
    return {k: v for k, v in event.items() if not k.startswith("p_")}


def log_of(test):
    """The one log that a test's event is of. Tests of several logs say in `p_log_type` which."""
    said = test["event"].get("p_log_type")
    if len(test["log_types"]) == 1:
        return test["log_types"][0]
    if said:
        return said
    keys = test["event"].keys()
    if "protoPayload" in keys:
        return "GCP.AuditLog"
    if "objectRef" in keys or "requestURI" in keys:
        return "Amazon.EKS.Audit"
    return "Azure.MonitorActivity" if "operationName" in keys else None


def load(path):
    """Tests by log; a test may hold several events as a list in text."""
    text = subprocess.run(["zstd", "-dc", "--long=27", path], capture_output=True, check=True).stdout.decode()
    by_log = collections.defaultdict(list)
    for line in text.splitlines():
        test = json.loads(line)
        log = log_of(test)
        if log in READ:
            by_log[log].append(test)
    return by_log


def run(binary, folder, sigma):
    """Findings by (log, record): rule, severity, title; and problems."""
    out = os.path.join(folder, "out.ndjson")
    command = [binary, "investigate", os.path.join(folder, "evidence"), "--format", "ndjson", "--output", out, "--quiet", "--no-hash",
               "--rules", *sigma]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    found, problems = collections.defaultdict(list), []
    for line in open(out, encoding="utf-8"):
        o = json.loads(line)
        if o["kind"] == "finding":
            for c in o["citations"]:
                log = os.path.basename(c["source"]).removesuffix(".json")
                found[log, c["record"]].append((o["rule"]["id"], o["severity"], o["rule"]["title"]))
        elif o["kind"] == "problem":
            problems.append(o)
    return found, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="every disagreement")
    parser.add_argument("--sigma", nargs="*", help="folders of SigmaHQ rules (default: those of the data)")
    parser.add_argument("--json", help="writes every disagreement")
    args = parser.parse_args()
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    host = os.path.join(data, "host")
    sigma = args.sigma or [os.path.join(host, "sigma", d) for d in ("rules", "rules-emerging-threats", "rules-threat-hunting")]
    binary = os.environ.get("PALISADE_BIN", os.path.join(HERE, "..", "target", "release", "palisade"))
    with open(os.path.join(HERE, "panther-map.csv"), newline="", encoding="utf-8") as f:
        mapped = {r["test"]: (r["rules"].split(), r["later"].split()) for r in csv.DictReader(f)}
    why = {}
    with open(os.path.join(HERE, "panther-why.csv"), newline="", encoding="utf-8") as f:
        for r in csv.DictReader(f):
            why[r["test"], r["says"]] = r["why"]
    by_log = load(os.path.join(host, "panther-tests.jsonl.zst"))
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "evidence"))
        for log, tests in by_log.items():
            with open(os.path.join(folder, "evidence", log + ".json"), "w", encoding="utf-8") as f:
                for test in tests:
                    f.write(json.dumps(native(test["event"])) + "\n")
        found, problems = run(binary, folder, sigma)
    for code, count in collections.Counter(p["code"] for p in problems).items():
        print(f"problems: {count} of code {code}")

    disagree, total = [], collections.Counter()
    head = f"{'log':<40} {'tests':>6} {'any':>5} {'mapped':>7} {'positive':>9} {'hit':>5} {'later':>6} {'negative':>9} {'hit':>5} {'grave':>6}"
    print(head)
    for log in sorted(by_log):
        n = collections.Counter()
        for record, test in enumerate(by_log[log], 1):
            hits = found.get((log, record), [])
            n["tests"] += 1
            n["any"] += bool(hits)
            rules, later = mapped.get(test["rule"], ([], []))
            if not rules:
                continue
            mine = [h for h in hits if h[0] in rules]
            also = mine or [h for h in hits if h[0] in later]
            n["mapped"] += 1
            n["pos" if test["expected"] else "neg"] += 1
            if test["expected"]:
                n["pos hit"] += bool(mine)
                n["later"] += bool(also)
                if not also:
                    disagree.append((test["rule"], "missed", test["test"], log, record, ""))
            else:
                n["neg hit"] += bool(also)
                grave = [h for h in hits if h[1] in GRAVE]
                n["grave"] += bool(grave)
                if also:
                    disagree.append((test["rule"], "hit", test["test"], log, record, also[0][2]))
                elif grave:
                    disagree.append((test["rule"], "grave", test["test"], log, record, grave[0][2]))
        total.update(n)
        print(line(log, n))
    print(line("all", total))
    tests = {t["rule"] for tests in by_log.values() for t in tests}
    print(f"{len(mapped.keys() & tests)} of {len(tests)} rules of theirs over these logs are mapped, to "
          f"{len({r for rules, _ in mapped.values() for r in rules})} of ours and SigmaHQ's")
    reasons = collections.Counter()
    unexplained = 0
    for rule, says, name, log, record, title in disagree:
        reason = why.get((rule, says)) or why.get((rule, "*"))
        unexplained += reason is None
        reasons[reason or "without a reason"] += 1
        if args.list:
            print(f"{says:<6} {rule}: {name!r} ({log}:{record}) {title}\n       {reason or '-'}")
    for reason, count in reasons.most_common():
        print(f"{count:>4}  {reason}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(disagree, f, indent=1)
    sys.exit(1 if unexplained else 0)


def line(name, n):
    return (f"{name:<40} {n['tests']:>6} {n['any']:>5} {n['mapped']:>7} {n['pos']:>9} {n['pos hit']:>5} {n['later']:>6} "
            f"{n['neg']:>9} {n['neg hit']:>5} {n['grave']:>6}")


if __name__ == "__main__":
    main()
