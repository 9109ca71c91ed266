#!/usr/bin/env python3
"""Validates exported OCSF events against the published schema.

    pip install ocsf-json-schema            # carries the compiled schema of every release; no network afterwards
    palisade hunt --case DIR --ocsf -o events.ndjson
    python3 bench/ocsf_validate.py events.ndjson [more.ndjson | -]

    --schema FILE     a compiled schema (`https://schema.ocsf.io/export/schema`, or the JSON of the package above)
                      instead of the package's
    --version X.Y.Z   a release of the package other than the events' own `metadata.version`
    --facts DIR       writes DIR/schema.toml: the facts of the release that the mapping beside it uses

Checked per event, without the help of a JSON Schema library, because a class of OCSF depends on the profiles that
the event itself names: class, category and type numbers agree; every attribute is known to its class or object with
the event's profiles and extensions; required ones are there; types, ranges, patterns and lengths hold; numbers of
enumerations are listed ones, and their captions agree; `at_least_one` and `just_one` constraints hold. Prints, per
class, events and errors with the first of each kind; ends with 1 if there was an error, 2 if nothing was read.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

INTEGERS = {"integer_t", "long_t"}


def packaged(version):
    try:
        import ocsf_json_schema
    except ImportError:
        sys.exit("no OCSF schema: pip install ocsf-json-schema, or give one with --schema FILE")
    path = pathlib.Path(ocsf_json_schema.__file__).parent / "ocsf" / f"{version}.json"
    if not path.exists():
        sys.exit(f"ocsf-json-schema has no release {version}: pip install -U ocsf-json-schema, or give --schema FILE")
    return json.loads(path.read_text())


class Validator:
    def __init__(self, schema):
        self.schema = schema
        self.version = schema["version"]
        self.classes = {c["uid"]: c for c in schema["classes"].values()}
        self.objects = schema["objects"]
        types = schema["types"] if "types" in schema else schema["dictionary"]["types"]["attributes"]
        self.types = {}
        for name, kind in types.items():
            base = kind.get("type", name)
            base = types.get(base, {}).get("type", base) if base not in ("string_t", *INTEGERS) else base
            pattern = re.compile(kind["regex"]) if "regex" in kind else None
            self.types[name] = (base, pattern, kind.get("range"), kind.get("max_len"))

    def event(self, event):
        """Yields (path, what is wrong)."""
        uid = event.get("class_uid")
        cls = self.classes.get(uid)
        if cls is None:
            yield "class_uid", f"no class {uid!r}"
            return
        if event.get("type_uid") != uid * 100 + (event.get("activity_id") or 0):
            yield "type_uid", "is not class_uid * 100 + activity_id"
        if (event.get("metadata") or {}).get("version") != self.version:
            yield "metadata.version", f"is not {self.version}"
        profiles = set((event.get("metadata") or {}).get("profiles") or [])
        for profile in profiles - set(cls.get("profiles") or []):
            yield "metadata.profiles", f"{profile!r} is no profile of the class"
        extension = cls.get("extension") or (cls["name"].split("/")[0] if "/" in cls["name"] else None)
        if extension or uid > 100_000:
            if not (event.get("metadata") or {}).get("extensions"):
                yield "metadata.extensions", "is missing for a class of an extension"
        yield from self.members(event, cls, profiles, "")

    def members(self, value, definition, profiles, path):
        attributes = definition["attributes"]
        if not attributes:
            return  # `object`: anything
        here = {}
        for name, attribute in attributes.items():
            wanted = attribute.get("profiles") or ([attribute["profile"]] if attribute.get("profile") else [])
            if not wanted or profiles.intersection(wanted):
                here[name] = attribute
        for name in value:
            if name not in here:
                why = "is unknown" if name not in attributes else "needs a profile that the event does not name"
                yield path + name, why
        for name, attribute in here.items():
            if name in value:
                yield from self.attribute(value[name], attribute, profiles, path + name)
                yield from self.caption(value, name, attribute, path + name)
            elif attribute.get("requirement") == "required":
                yield path + name, "is required"
        constraints = definition.get("constraints") or {}
        for rule, names in constraints.items():
            count = sum(name in value for name in names)
            if (rule == "at_least_one" and count == 0) or (rule == "just_one" and count != 1):
                yield path.rstrip(".") or "event", f"{rule} of {', '.join(names)}"

    def caption(self, value, name, attribute, path):
        """The text beside a number says what the enumeration says, unless the number is Other."""
        sibling = attribute.get("sibling")
        entry = (attribute.get("enum") or {}).get(str(value[name]))
        if sibling and entry and sibling in value and value[name] not in (0, 99):
            if str(value[sibling]).lower() != entry["caption"].lower():
                yield path, f"{value[name]} is {entry['caption']!r}, {sibling} says {value[sibling]!r}"

    def attribute(self, value, attribute, profiles, path):
        if attribute.get("is_array"):
            if not isinstance(value, list):
                yield path, "is not a list"
                return
            for n, item in enumerate(value):
                yield from self.single(item, attribute, profiles, f"{path}[{n}]")
        else:
            yield from self.single(value, attribute, profiles, path)

    def single(self, value, attribute, profiles, path):
        kind = attribute["type"]
        if kind == "object_t":
            if isinstance(value, dict):
                yield from self.members(value, self.objects[attribute["object_type"]], profiles, path + ".")
            else:
                yield path, "is no object"
            return
        if kind == "json_t":
            return
        base, pattern, span, longest = self.types[kind]
        good = {
            "string_t": isinstance(value, str),
            "boolean_t": isinstance(value, bool),
            "float_t": isinstance(value, (int, float)) and not isinstance(value, bool),
        }.get(base, isinstance(value, int) and not isinstance(value, bool))
        if not good:
            yield path, f"{json.dumps(value)[:60]} is no {kind}"
            return
        if pattern and not pattern.search(value):
            yield path, f"{value[:60]!r} is no {kind}"
        if span and not span[0] <= value <= span[1]:
            yield path, f"{value} is no {kind}"
        if longest and len(value) > longest:
            yield path, f"is longer than {longest}"
        if attribute.get("enum") and base in INTEGERS and str(value) not in attribute["enum"]:
            yield path, f"{value} is not in the enumeration"


def facts(folder, schema):
    """`schema.toml` for the mapping files in a folder: classes, enumerations and types they use, nothing else."""
    import tomllib

    folder = pathlib.Path(folder)
    paths, classes = set(), {"base_event"}
    for file in sorted(folder.glob("*.toml")):
        if file.name == "schema.toml":
            continue
        mapping = tomllib.loads(file.read_text())
        tables = [mapping.get("attributes", {}), *mapping.get("table", {}).values()]
        for event in mapping.get("event", []):
            classes.add(event["class"])
            tables.append(event.get("attributes", {}))
        for table in tables:
            for path, value in table.items():
                paths.add(path)
                if isinstance(value, dict) and "file" in value:
                    paths.add(path + ".type_id")
                if isinstance(value, dict) and ("hash" in value or "hashes" in value):
                    paths.add(path + ".0.algorithm_id")
    # The schema's own name of one class has a letter too few.
    named = {name.split("/")[-1].replace("event_log_actvity", "event_log_activity"): c for name, c in schema["classes"].items()}
    # By name over all classes and objects: the dictionary leaves out what extensions add.
    dictionary = {}
    for holder in [*schema["objects"].values(), *schema["classes"].values()]:
        dictionary.update(holder["attributes"])
    version = schema["version"]
    names = {p.split(".")[-1] for p in paths} | {"activity_id", "category_uid", "class_uid", "type_uid", "profiles"}
    own = [p for p in sorted(paths) if p.startswith("unmapped.palisade.")]
    bases = {"timestamp_t": "integer", "port_t": "integer", "integer_t": "integer", "long_t": "integer", "boolean_t": "boolean"}
    kinds = collections.defaultdict(list)
    for name in sorted(names):
        attribute = dictionary.get(name)
        if attribute is None:
            continue
        if attribute.get("is_array"):
            kinds["list"].append(name)
        elif attribute["type"] in bases:
            kinds[bases[attribute["type"]]].append(name)
    kinds["integer"] += [p for p in own if p.split(".")[-1] in ("source", "record", "offset", "flags")]

    def quote(text):
        return json.dumps(text, ensure_ascii=False)

    def pairs(enum):
        return ", ".join(f"{k} = {quote(v['caption'])}" for k, v in sorted(enum.items(), key=lambda e: int(e[0])))

    enums = {}
    for path in sorted(paths):
        if not path.endswith("_id") or path.startswith("unmapped"):
            continue
        plain = [p for p in path.split(".") if not p.isdigit()]
        # Walk the path from every class that has its first part.
        for cls in (named[c] for c in sorted(classes)):
            at = cls
            for part in plain[:-1]:
                attribute = at["attributes"].get(part)
                at = schema["objects"].get(attribute["object_type"]) if attribute and "object_type" in attribute else None
                if at is None:
                    break
            if at and plain[-1] in at["attributes"] and at["attributes"][plain[-1]].get("enum"):
                enums.setdefault(".".join(plain), at["attributes"][plain[-1]]["enum"])
    # What objects must have, by the name of the attribute that holds them.
    objects = {}
    for path in sorted(paths) + ["metadata.extensions.0.name", "observables.0.name"]:
        plain = [p for p in path.split(".") if not p.isdigit()]
        for cls in (named[c] for c in sorted(classes)):
            at = cls
            for part in plain:
                attribute = at["attributes"].get(part)
                if attribute is None or "object_type" not in attribute:
                    break
                at = schema["objects"][attribute["object_type"]]
                needs = {
                    "required": sorted(n for n, a in at["attributes"].items() if a.get("requirement") == "required"),
                    "any": (at.get("constraints") or {}).get("at_least_one", []),
                }
                if objects.setdefault(part, needs) != needs:
                    sys.exit(f"{path}: {part} is of two kinds with different needs")
    enums["observables.type_id"] = schema["objects"]["observable"]["attributes"]["type_id"]["enum"]
    # The shortest end of a path that means one enumeration everywhere stands for all paths that have it.
    short = {}
    for path, enum in enums.items():
        parts = path.split(".")
        for n in range(len(parts) - 1, -1, -1):
            end = ".".join(parts[n:])
            same = [e for p, e in enums.items() if p == end or p.endswith("." + end)]
            if all(e == enum for e in same) and (n == 0 or end != "type_id"):
                short[end] = enum
                break
    enums = short
    out = [
        f"# Facts of OCSF {version}, carried over from the published schema (https://schema.ocsf.io/{version}/, repository",
        "# ocsf/ocsf-schema, Apache-2.0): numbers, captions, types of what the mapping here uses. Made by",
        "# `python3 bench/ocsf_validate.py --facts knowledge/ocsf --version " + version + "`; not written by hand.",
        f"version = {quote(version)}",
        "",
        "# By the last name of a path (in OCSF an attribute has one type everywhere); others are text.",
        "[types]",
        *[f"{k} = [{', '.join(quote(n) for n in kinds[k])}]" for k in ("integer", "boolean", "list")],
        "",
        "[categories]",
    ]
    categories = schema["categories"].get("attributes", schema["categories"])
    uids = {named[c]["category_uid"] if "category_uid" in named[c] else 0 for c in classes}
    out += ['0 = "Uncategorized"'] if 0 in uids else []
    out += [f"{c['uid']} = {quote(c['caption'])}" for c in sorted(categories.values(), key=lambda c: c["uid"]) if c["uid"] in uids]
    for name in sorted(classes):
        cls = named[name]
        attributes = cls["attributes"]
        out += ["", f"[class.{name}]", f"uid = {cls['uid']}"]
        out += [f"category_uid = {list(attributes['category_uid']['enum'])[0]}", f"caption = {quote(cls['caption'])}"]
        out += [f"activities = {{ {pairs(attributes['activity_id']['enum'])} }}"]
        required = {n for n, a in attributes.items() if a.get("requirement") == "required" and not (a.get("profiles") or a.get("profile"))}
        out += [f"required = [{', '.join(quote(n) for n in sorted(required))}]"]
        for rule, key in (("at_least_one", "any"), ("just_one", "one")):
            if rule in (cls.get("constraints") or {}):
                out += [f"{key} = [{', '.join(quote(n) for n in cls['constraints'][rule])}]"]
        tops = {p.split(".")[0] for p in paths} | {"activity_id", "activity_name", "category_uid", "category_name", "class_uid", "class_name", "type_uid", "type_name"}
        tops |= {p[: -len("_id")] for p in tops if p.endswith("_id")}
        out += [f"attributes = [{', '.join(quote(n) for n in sorted(tops & set(attributes)))}]"]
        by = {}
        for top in sorted(tops & set(attributes)):
            profile = attributes[top].get("profiles") or ([attributes[top]["profile"]] if attributes[top].get("profile") else [])
            if profile:
                by[top] = profile[0]
        out += [f"profiles = {{ {', '.join(f'{k} = {quote(v)}' for k, v in by.items())} }}"] if by else []
    out += ["", "# What an object must have: all of `required`, one of `any`.", "[objects]"]
    for name, needs in sorted(objects.items()):
        if needs["required"] or needs["any"]:
            lists = [f"{k} = [{', '.join(quote(n) for n in v)}]" for k, v in needs.items() if v]
            out += [f"{name} = {{ {', '.join(lists)} }}"]
    out += ["", "[enums]"]
    out += [f"{quote(path)} = {{ {pairs(enum)} }}" for path, enum in sorted(enums.items())]
    (folder / "schema.toml").write_text("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Validates OCSF events (NDJSON).")
    parser.add_argument("files", nargs="*", help="NDJSON, `-` for standard input")
    parser.add_argument("--schema")
    parser.add_argument("--version")
    parser.add_argument("--facts", metavar="DIR")
    parser.add_argument("--show", type=int, default=3, help="examples of each kind of error (3)")
    args = parser.parse_args()
    schema = json.loads(pathlib.Path(args.schema).read_text()) if args.schema else None
    if args.facts:
        return facts(args.facts, schema or packaged(args.version))
    validators = {}
    events, errors, kinds = collections.Counter(), collections.Counter(), collections.Counter()
    examples = collections.defaultdict(list)
    for name in args.files or ["-"]:
        with sys.stdin if name == "-" else open(name, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                event = json.loads(line)
                version = args.version or (event.get("metadata") or {}).get("version")
                key = "given" if schema else version
                if key not in validators:
                    validators[key] = Validator(schema or packaged(version))
                validator = validators[key]
                uid = event.get("class_uid")
                label = f"{uid} {validator.classes[uid]['caption']}" if uid in validator.classes else str(uid)
                events[label] += 1
                wrong = list(validator.event(event))
                errors[label] += bool(wrong)
                for path, what in wrong:
                    kind = (label, re.sub(r"\[\d+\]", "[]", path), re.sub(r"'[^']*'|\"[^\"]*\"|\b\d+\b", "…", what))
                    kinds[kind] += 1
                    if len(examples[kind]) < args.show:
                        examples[kind].append(f"{name}:{number}: {path}: {what}")
    print(f"{'class':44} {'events':>9} {'invalid':>9}")
    for label in sorted(events, key=lambda l: int(l.split()[0]) if l.split()[0].isdigit() else -1):
        print(f"{label:44} {events[label]:9} {errors[label]:9}")
    print(f"{'all':44} {sum(events.values()):9} {sum(errors.values()):9}   OCSF {', '.join(v.version for v in validators.values())}")
    for kind, count in kinds.most_common():
        print(f"\n{count} × {kind[0]}: {kind[1]}: {kind[2]}")
        for example in examples[kind]:
            print("   ", example)
    if not events:
        print("no events", file=sys.stderr)
        return 2
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
