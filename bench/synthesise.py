#!/usr/bin/env python3
"""Events made from the rules themselves: reaches the rules that no sample fires.

    synthesise.py --rules DIR... --out events.json [--per-rule 8] [--seed 1]

The given logs fire about a fifth of the published Windows rules. This walks each
rule's condition as pySigma parses it and writes NDJSON events (flat, as nxlog writes
them) that take a random branch of every OR, satisfy most of every AND and now and
then fulfil what a NOT forbids; wildcards are filled with random text, letters change
case. No event is known to match or not: two engines run over the same file and
`compare.py` shows where they disagree:

    synthesise.py --rules $R --out synthetic.json
    palisade investigate ... --output ours.ndjson synthetic.json
    palisade-bench rsigma --rules $R --out theirs.csv -- synthetic.json
    compare.py ours.ndjson theirs.csv --rules $R

(`compare.py` knows the file by its name.) The same seed gives the same events.
Packages: requirements.txt.
"""

import argparse
import ipaddress
import json
import os
import random
import re
import sys

from sigma.collection import SigmaCollection
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.pipelines.sysmon import sysmon_pipeline
from sigma.pipelines.windows import windows_logsource_pipeline
from sigma.types import (
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

FILLERS = ["", "", "x", " a b ", "C:\\Dir\\", "\\", "/", "-", "É", "ß", "0", "\n", "*", "?", "%"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        # (event, field) -> whether its text's start and end are fixed already
        self.closed = {}

    def fill(self, single=False):
        return self.random.choice("aZ9\\é") if single else self.random.choice(FILLERS)

    def string(self, value):
        parts = []
        for part in value.s:
            if isinstance(part, str):
                parts.append(self.recase(part))
            elif part is SpecialChars.WILDCARD_MULTI:
                parts.append(self.fill())
            else:
                parts.append(self.fill(single=True))
        return "".join(parts)

    def join(self, event, field, value):
        """Several demands on one field (`contains|all`, startswith and endswith) make one text."""
        text, before = self.string(value), event.get(field)
        open_start = bool(value.s) and value.s[0] is SpecialChars.WILDCARD_MULTI
        open_end = bool(value.s) and value.s[-1] is SpecialChars.WILDCARD_MULTI
        ends = self.closed.setdefault((id(event), field), [False, False])
        if not isinstance(before, str):
            event[field], ends[:] = text, [not open_start, not open_end]
        elif open_start and not ends[1]:
            event[field], ends[1] = before + text, not open_end
        elif open_end and not ends[0]:
            event[field], ends[0] = text + before, not open_start
        elif not (open_start or open_end):
            event[field], ends[:] = text, [True, True]

    def recase(self, text):
        return self.random.choice([text, text, text.upper(), text.lower(), text.swapcase()])

    def regex(self, pattern):
        """A guess at a text of a simple pattern; often none, which is a test as well."""
        text = re.sub(r"^\(\?[a-z]+\)", "", pattern)
        text = re.sub(r"\[\^[^\]]*\][*+?]?|\.[*+]\??", "x1", text)
        text = re.sub(r"\[([^\]\\])[^\]]*\](?:\{\d+(?:,\d*)?\}|[*+?])?", r"\1", text)
        text = re.sub(r"\\s[*+]?", " ", re.sub(r"\\[dw][*+]?(?:\{(\d+)(?:,\d*)?\})?", "7", text))
        text = re.sub(r"\((?:\?:)?([^|()]*)[^()]*\)[*+?]?", r"\1", text)
        return re.sub(r"\\(.)", r"\1", text.strip("^$"))

    def value(self, event, field, value):
        if isinstance(value, SigmaString):
            self.join(event, field, value)
        elif isinstance(value, SigmaBool):
            event[field] = self.random.choice([value.boolean, str(value.boolean).lower()])
        elif isinstance(value, SigmaNumber):
            event[field] = self.random.choice([value.number, str(value.number)])
        elif isinstance(value, SigmaCompareExpression):
            event[field] = int(float(str(value.number))) + self.random.choice([-1, 0, 1])
        elif isinstance(value, SigmaRegularExpression):
            event[field] = self.regex(str(value.regexp))
        elif isinstance(value, SigmaCIDRExpression):
            network = ipaddress.ip_network(value.cidr, strict=False)
            offset = self.random.choice([0, 1, network.num_addresses - 1, network.num_addresses])
            event[field] = str(ipaddress.ip_address(min(int(network[0]) + offset, 2**32 - 1)) if network.version == 4 else network[0])
        elif isinstance(value, SigmaNull):
            if self.random.random() < 0.2:
                event[field] = ""
        elif isinstance(value, SigmaExists):
            if value.exists:
                event[field] = "here"
        elif isinstance(value, SigmaFieldReference):
            shared = event.get(value.field) or f"same{self.random.randrange(3)}"
            event[field] = event[value.field] = shared
        elif isinstance(value, SigmaExpansion):
            self.value(event, field, self.random.choice(value.values))

    def fulfil(self, event, node):
        if isinstance(node, ConditionAND):
            for arg in node.args:
                if self.random.random() < 0.97:
                    self.fulfil(event, arg)
        elif isinstance(node, ConditionOR):
            self.fulfil(event, self.random.choice(node.args))
        elif isinstance(node, ConditionNOT):
            if self.random.random() < 0.3:
                # Later fields do not overwrite what the positive part asks for.
                other = {}
                self.fulfil(other, node.args[0])
                for key, value in other.items():
                    if self.random.random() < 0.8:
                        event.setdefault(key, value)
        elif isinstance(node, ConditionFieldEqualsValueExpression):
            self.value(event, node.field, node.value)
        elif isinstance(node, ConditionValueExpression):
            text = self.string(node.value) if isinstance(node.value, SigmaString) else str(node.value)
            event["Message"] = (event.get("Message", "") + " " + text).strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--per-rule", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    maker, rules, refused, written = Maker(args.seed), 0, 0, 0
    os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
    with open(args.out, "w", encoding="utf-8") as out:
        for folder in args.rules:
            for base, folders, names in os.walk(folder):
                folders.sort()
                for name in sorted(names):
                    if not name.endswith((".yml", ".yaml")):
                        continue
                    with open(os.path.join(base, name), encoding="utf-8") as file:
                        source = file.read()
                    if not re.search(r"^\s+product:\s*['\"]?windows\b", source, re.M):
                        continue
                    try:
                        rule = SigmaCollection.from_yaml(source).rules[0]
                        # The pipelines add the channel and event id of the rule's log source.
                        (sysmon_pipeline() + windows_logsource_pipeline()).apply(rule)
                        trees = [condition.parsed for condition in rule.detection.parsed_condition]
                    except Exception as error:  # whatever the parser raises is a refusal
                        refused += 1
                        print(f"{name}: {error}", file=sys.stderr)
                        continue
                    rules += 1
                    for _ in range(args.per_rule):
                        event = {}
                        maker.closed.clear()
                        maker.fulfil(event, maker.random.choice(trees))
                        event.setdefault("Channel", "Application")
                        event.setdefault("EventID", 1)
                        event["Hostname"] = "SYNTHETIC"
                        event["SourceName"] = event.pop("Provider_Name", "Synthetic")
                        event["@timestamp"] = "2026-01-01T00:00:00.000Z"
                        if str(event["EventID"]).isdigit():
                            event["EventID"] = int(event["EventID"])
                        out.write(json.dumps(event) + "\n")
                        written += 1
    print(f"rules={rules} refused={refused} events={written}", file=sys.stderr)


if __name__ == "__main__":
    main()
