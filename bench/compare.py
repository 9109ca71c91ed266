#!/usr/bin/env python3
"""Compare the (rule, file, record) sets of two engines, and explain each difference.

    compare.py OURS THEIRS [--explained bench/explained.toml] [--rules DIR...]
               [--only regression,evtx-odd,...] [--examples N]

OURS and THEIRS are each one of
  * NDJSON of `palisade investigate ... --format ndjson` (findings only are read),
  * CSV `rule,file,record[,...]` of a peer, plain or .zst (`expected.csv.zst`).
The kind is told by content. Paths are normalised to the names used by the
published oracle: `regression/<id>/x.evtx`, `evtx-attack-samples/<member>`,
`evtx-odd/<member>`, `mordor/.../x.json.zst` (and `synthetic/events.json`), whether a file was read from its
archive or unpacked. A record is the record-header number (EVTX) or the 1-based
line (NDJSON).

--rules limits the comparison to rules of `product: windows` found there (both
engines must have been given the same folders).

Exit code: 0 if every difference is explained, 1 otherwise, 2 on wrong input.
Only the standard library is used; `.zst` needs the `zstd` command.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tomllib

ANCHORS = ("regression", "evtx-attack-samples", "evtx-odd", "mordor", "synthetic")


def normalise(source):
    """The published oracle's name of a source, or None if it is not of its data."""
    source = source.replace("\\", "/")
    for anchor in ANCHORS:
        found = re.search(rf"(?:^|/){re.escape(anchor)}(?=[/.!])", source)
        if not found:
            continue
        rest = source[found.end():]
        if anchor == "synthetic":
            return "synthetic/events.json"
        if anchor == "mordor":
            # A member of a .zst is the file itself.
            path = rest.split("!")[0].lstrip("/")
            return f"mordor/{path.removesuffix('.zst')}.zst"
        rest = rest.rsplit("!", 1)[-1] if "!" in rest else rest
        return f"{anchor}/{rest.lstrip('/')}"
    return None


def open_text(path):
    if path.endswith(".zst"):
        unpacked = subprocess.run(["zstdcat", path], stdout=subprocess.PIPE, check=True).stdout
        return unpacked.decode("utf-8").splitlines()
    return open(path, encoding="utf-8", errors="replace")


def from_ndjson(lines):
    """Every (rule, source, record) cited by a finding of a rule.

    Findings in records recovered from unused space are counted and left out:
    no peer reads there, and a record number may stand twice in one file."""
    recovered = 0
    for line in lines:
        if '"kind":"finding"' not in line:
            continue
        finding = json.loads(line)
        if finding.get("recovered"):
            recovered += 1
            continue
        rule = finding.get("rule", {}).get("id")
        for citation in finding.get("citations", ()):
            if rule and citation.get("record") is not None:
                yield rule, citation["source"], int(citation["record"])
    if recovered:
        print(f"{recovered} findings in recovered records left out: no peer reads unused space\n")


def from_csv(lines):
    import csv

    rows = csv.DictReader(lines)
    for row in rows:
        yield row["rule"], row["file"], int(row["record"])


def load(path, allowed_rules, only):
    lines = iter(open_text(path))
    try:
        first = next(lines)
    except StopIteration:
        sys.exit(f"{path}: empty, nothing to compare")
    import itertools

    rows = (from_ndjson if first.startswith("{") else from_csv)(itertools.chain([first], lines))
    out, foreign = set(), collections.Counter()
    for rule, source, record in rows:
        name = normalise(source)
        if name is None:
            foreign[source] += 1
        elif name.split("/")[0] in only and (allowed_rules is None or rule in allowed_rules):
            out.add((rule, name, record))
    for source, count in foreign.most_common(3):
        print(f"{path}: {count} matches in `{source}`, not of the compared data, left out", file=sys.stderr)
    return out


def windows_rules(folders):
    """id -> title of rules with `product: windows`, read without a YAML library:
    the three keys looked for are plain scalars in every published rule."""
    found = {}
    for folder in folders:
        for base, _, names in os.walk(folder):
            for name in names:
                if not name.endswith((".yml", ".yaml")):
                    continue
                with open(os.path.join(base, name), encoding="utf-8") as file:
                    text = file.read()
                if not re.search(r"^\s+product:\s*['\"]?windows\b", text, re.M):
                    continue
                identity = re.search(r"^id:\s*['\"]?([0-9a-f-]{36})", text, re.M)
                title = re.search(r"^title:\s*(.*)$", text, re.M)
                if identity:
                    found[identity.group(1)] = title.group(1) if title else ""
    return found


class Explained:
    """`explained.toml`: a list of [[difference]] with
    rule      = an id, a list of ids, or "*"
    direction = "only-ours" | "only-theirs"
    engine    = the peer it is about ("rsigma-0.23", "rsigma-0.26", "pysigma-sqlite"), or a list
    file      = optional regular expression on the normalised name
    reason    = why the difference is right
    """

    def __init__(self, path, engine):
        self.entries = []
        if path and os.path.exists(path):
            with open(path, "rb") as file:
                table = tomllib.load(file)
            for entry in table.get("difference", ()):
                engines = entry.get("engine", engine)
                if engine in ([engines] if isinstance(engines, str) else engines):
                    self.entries.append(entry)

    def reason(self, direction, match):
        """(rule or "*" as the entry says it, reason), or None."""
        rule, name, record = match
        for entry in self.entries:
            rules = entry["rule"]
            if (
                entry["direction"] == direction
                and (rules == "*" or rule == rules or rule in rules)
                and re.search(entry.get("file", ""), name)
                and record in entry.get("records", [record])
            ):
                return ("*" if rules == "*" else rule), entry["reason"]
        return None


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("--engine", default="rsigma-0.23", help="the peer's name in explained.toml")
    parser.add_argument("--explained", default=os.path.join(here, "explained.toml"))
    parser.add_argument("--rules", nargs="*", default=[])
    parser.add_argument("--only", default=",".join(ANCHORS))
    parser.add_argument("--examples", type=int, default=3)
    args = parser.parse_args()

    titles = windows_rules(args.rules)
    allowed = set(titles) if args.rules else None
    only = set(args.only.split(","))
    ours, theirs = load(args.ours, allowed, only), load(args.theirs, allowed, only)
    explained = Explained(args.explained, args.engine)

    print("| data | ours | theirs | both | only ours | only theirs |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for anchor in ANCHORS + ("all",):
        a = {m for m in ours if anchor == "all" or m[1].startswith(anchor + "/")}
        b = {m for m in theirs if anchor == "all" or m[1].startswith(anchor + "/")}
        if a or b:
            print(f"| {anchor} | {len(a)} | {len(b)} | {len(a & b)} | {len(a - b)} | {len(b - a)} |")

    unexplained = 0
    accepted = collections.Counter()
    for direction, matches in (("only-ours", ours - theirs), ("only-theirs", theirs - ours)):
        by_rule = collections.defaultdict(list)
        for match in sorted(matches):
            reason = explained.reason(direction, match)
            if reason:
                accepted[direction, *reason] += 1
            else:
                by_rule[match[0]].append(match)
                unexplained += 1
        for rule, found in sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0])):
            print(f"\n{direction}: {len(found)} × {rule} {titles.get(rule, '')}")
            for _, name, record in found[: args.examples]:
                print(f"    {name} record {record}")

    if accepted:
        print("\n| explained difference | rule | count | reason |")
        print("| --- | --- | ---: | --- |")
        for (direction, rule, reason), count in sorted(accepted.items()):
            print(f"| {direction} | {rule} {titles.get(rule, '')} | {count} | {reason} |")
    print(f"\n{sum(accepted.values())} explained, {unexplained} unexplained")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
