"""What campaign.py is made of: evaluation sets with known truth, peers that group alerts, metrics.

Run by itself it checks its measures against slow ones and scikit-learn. Import it to try an algorithm:

    import campaignlib as c
    def group(frame, parameter):        # frame: id, time, host, short, ip, name (categories), org in merged sets
        return numbers                  # one group number per row, a numpy array of integers
    for s in c.step_sets(work, "simultaneous", "train"):
        counts = c.step_counts(s, group(s.frame, 2.0))
    print(c.roc(work, "simultaneous", "train", group, grid))     # the published measure, with and without noise
    print(c.campaigns(c.merged_set(work, "merged-dedup"), group)) # campaign-macro B3 and the over-merge count

The alerts are those of the AIT alert data set (Landauer, Skopik, Wurzenberger 2024), whole seconds, six networks. What is
built from them follows the published augmentation AIT-ADS-A (arXiv 2602.06534) as far as its facts go: which step
of which network happens at which clock time among which days of noise. The code is our own.

Three things to know of the truth:
  * `dnsteal` is a theft over days. The published evaluation counts its start (two alerts of a new address in DNS
    logs), each unusual frequency of queries, and its end (a service stopped and started) as stages with instances
    of their own, and the tens of thousands of `.biz` queries in harrison and santos as noise. So do the step sets.
    In the merged sets a label of dnsteal is part of the intrusion, as the data set says.
  * Every instance keeps its inner timing; only its beginning moves.
  * Nothing tells a file's reader what is an attack: within a second, rows are sorted by their text, and ids are
    positions.
"""

import os
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

HERE = os.path.dirname(os.path.abspath(__file__))
SPLIT = {"train": ("shaw", "wardbeck", "wheeler", "wilson"), "eval": ("harrison", "santos")}
SPLIT["all"] = SPLIT["train"] + SPLIT["eval"]
DAY = 86400
COLUMNS = ["id", "time", "host", "short", "ip", "name"]
STEP_SETS = ("original", "simultaneous", "more-noise-1", "more-noise-2", "more-noise-6", "more-noise-11")
DNSTEAL = {"A-Dns-Val1": "start", "A-Dns-Frq": "active", "A-Aud-Com4": "end"}
VERSION = 5  # of what is built: change it and the cache is made anew

# ------------------------------------------------------------------ the facts of the augmentation

# Day of the intrusion in each network, the first day being 0, and the last day.
INTRUSION = {"shaw": 4, "wardbeck": 4, "wheeler": 4, "wilson": 4, "harrison": 4, "santos": 3}
LAST = {"shaw": 5, "wardbeck": 4, "wheeler": 4, "wilson": 5, "harrison": 4, "santos": 3}

# simultaneous: when each step begins on the day of the intrusion.
SIMULTANEOUS = {
    "shaw": """crack_passwords 14:06:01  wpscan 14:38:52  dns_scan 14:38:55  webshell_cmd 14:38:56  dirb 14:39:00
        dnsteal/end 14:39:05  attacker_change_user 14:39:07  escalated_sudo_command 14:39:10""",
    "wardbeck": """wpscan 12:11:29  attacker_change_user 12:11:30  webshell_cmd 12:11:31  crack_passwords 12:11:34
        service_scan 12:11:35  dirb 12:11:49  escalated_sudo_command 12:11:50  dnsteal/start 12:11:58  dnsteal/end 12:12:00""",
    "wheeler": """dirb 07:40:00  escalated_sudo_command 07:41:17  attacker_change_user 07:44:13  webshell_cmd 07:46:31
        dnsteal/start 07:46:52  service_scan 07:47:20  dnsteal/active 07:53:46,07:54:04,07:56:28  wpscan 07:56:09
        dnsteal/end 07:56:35""",
    "wilson": """dirb 11:00:00  dnsteal/start 11:00:05  dnsteal/active 11:00:36,11:06:14,11:12:08,11:20:03
        service_scan 11:03:10  webshell_cmd 11:05:59  crack_passwords 11:10:02  attacker_change_user 11:10:50
        escalated_sudo_command 11:16:00  wpscan 11:19:51  dnsteal/end 11:20:10""",
    "harrison": """dnsteal/start 07:00:07  dnsteal/active 07:10:05,07:33:03,07:59:55  wpscan 07:29:30  dirb 07:30:00
        webshell_cmd 07:36:25  attacker_change_user 07:40:11  escalated_sudo_command 07:47:58  crack_passwords 07:50:04
        service_scan 07:55:53  dnsteal/end 08:15:00""",
    "santos": """crack_passwords 11:03:25  dirb 11:22:00  webshell_cmd 11:22:04  wpscan 11:22:25  service_scan 11:22:27
        online_cracking 11:22:32  dnsteal/start 11:22:34  attacker_change_user 11:22:39  escalated_sudo_command 11:22:42
        dnsteal/end 11:22:47""",
}  # fmt: skip

# more-noise-*: which days of noise lie over each other, one word per day of the scenario (s3 = shaw's day 3). All
# steps happen on the day of the intrusion at their own clock time, but three ends of dnsteal.
MORE_NOISE = {
    "more-noise-1": {
        "shaw": "s1+i1 s2+i2 s3+i3 s4+i4 s5+i5", "wardbeck": "w1+h1 w2+h2 w3+h3 w4+h4",
        "wheeler": "h1+w3 h2+w4 h3+w1 h4+w2", "wilson": "i1+s3 i2+s4 i3+s5 i4+s1 i5+s2",
        "harrison": "a1+n1 a2+n2 a3+n3 a4+a1", "santos": "n1+a2 n2+a3 n3+a4",
    },
    "more-noise-2": {
        "shaw": "s1+i1+s4 s2+i2+s5 s3+i3+s1 s4+i4+s2 s5+i5+s3", "wardbeck": "w1+h1+w2 w2+h2+w3 w3+h3+w4 w4+h4+w1",
        "wheeler": "h1+w3+h4 h2+w4+h1 h3+w1+h2 h4+w2+h3", "wilson": "i1+s3+i4 i2+s4+i5 i3+s5+i1 i4+s1+i2 i5+s2+i3",
        "harrison": "a1+n1+a3 a2+n2+a4 a3+n3+n1 a4+a1+n2", "santos": "n1+a2+n3 n2+a3+a1 n3+a4+a2",
    },
    "more-noise-6": {
        "shaw": "s1+s2+s3+s4+i1+i4+i5 s2+s3+s4+s5+i1+i2+i5", "wardbeck": "w1+w2+w3+w4+h1+h2+h3 w1+w2+w3+w4+h2+h3+h4",
        "wheeler": "w1+w2+w3+h1+h2+h3+h4 w2+w3+w4+h1+h2+h3+h4", "wilson": "s1+s4+s5+i1+i2+i3+i4 s1+s2+s5+i2+i3+i4+i5",
        "harrison": "a1+a2+a3+a4+n1+n2+n3 a1+a2+a3+a4+n1+n2+n3", "santos": "a1+a2+a3+a4+n1+n2+n3",
    },
    # The published harrison and santos have 12 days here: six each are of the two networks that are not with us.
    "more-noise-11": {
        "shaw": "s1+s2+s3+s4+s5+i1+i2+i3+i4+i5+w3+h4", "wardbeck": "w1+w2+w3+w4+h1+h2+h3+h4+s2+s4+i3+i5",
        "wheeler": "w1+w2+w3+w4+h1+h2+h3+h4+s3+s5+i2+i4", "wilson": "s1+s2+s3+s4+s5+i1+i2+i3+i4+i5+w4+h3",
        "harrison": "a2+a3+a4+n1+n2+n3", "santos": "a1+a2+a3+a4+n2+n3",
    },
}  # fmt: skip
LETTER = {"s": "shaw", "w": "wardbeck", "h": "wheeler", "i": "wilson", "a": "harrison", "n": "santos"}
LATER_END = {"wheeler": "06:27:25", "wilson": "17:47:16", "harrison": "19:15:00"}


def clock(text):
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


# ---------------------------------------------------------------------------------- the alerts


def data_folder():
    data = os.environ.get("PALISADE_TEST_DATA", os.path.join(HERE, "..", "..", "shared", "data"))
    folder = os.path.abspath(os.path.join(data, "campaign-and-assessment", "ait-ads"))
    if not os.path.isdir(folder):
        sys.exit(f"{folder} is not there: set PALISADE_TEST_DATA to the data folder")
    return folder


def network(name, folder=None):
    """Alerts of one network: time, day (from its first midnight), step (`dirb`, `dnsteal/end`, `-`), part (of the intrusion)."""
    path = os.path.join(folder or data_folder(), f"{name}.csv.zst")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, compression="zstd")
    frame["time"] = frame["time"].astype(float).astype("int64")
    midnight = int(frame["time"].iloc[0]) // DAY * DAY
    frame["day"] = (frame["time"] - midnight) // DAY
    truth = frame["event_label"]
    stage = frame["short"].map(DNSTEAL)
    frame["step"] = truth.where(truth != "dnsteal", np.where(stage.notna(), "dnsteal/" + stage.fillna(""), "-"))
    frame["part"] = truth != "-"
    frame.attrs["midnight"] = midnight
    return frame[["time", "name", "ip", "host", "short", "day", "step", "part"]]


def instances(frame):
    """[(label without its number, rows)]: every time of `dnsteal/active` is an instance, any other step is one."""
    found = []
    for step, rows in frame[frame["step"] != "-"].groupby("step", sort=True):
        if step == "dnsteal/active":
            found += [(step, rows.iloc[[i]]) for i in range(len(rows))]
        else:
            found.append((step, rows))
    return found


# ------------------------------------------------------------------------------- evaluation sets


@dataclass
class Set:
    """Alerts of one stream and their truth. `label` and `campaign` are codes; 0 = no part, -1 = not counted."""

    name: str
    frame: pd.DataFrame
    label: np.ndarray
    labels: list
    campaign: np.ndarray
    campaigns: list
    csv: str = ""


def step_label(step, number):
    kind, _, stage = step.partition("/")
    return f"{kind}/{stage or '-'}/{number}"


def plan(name, of):
    """Noise as [(network, day, day of the scenario)], and {step: [seconds from the scenario's first midnight]} or None."""
    if name == "original":
        return [(of, day, day - 1) for day in range(1, LAST[of] + 1)], None
    if name == "simultaneous":
        words, begins = SIMULTANEOUS[of].split(), {}
        for step, times in zip(words[::2], words[1::2]):
            begins[step] = [(INTRUSION[of] - 1) * DAY + clock(t) for t in times.split(",")]
        return [(of, day, day - 1) for day in range(1, LAST[of] + 1)], begins
    days = MORE_NOISE[name][of].split()
    noise = [(LETTER[word[0]], int(word[1]), i) for i, day in enumerate(days) for word in day.split("+")]
    return noise, min(INTRUSION[of] - 1, len(days) - 1)


def build_step_set(name, of, networks):
    """The scenario of network `of` in set `name`. Numbers of instances are unique over the networks."""
    number = SPLIT["all"].index(of) * 100
    noise, begins = plan(name, of)
    start = networks[of].attrs["midnight"] + DAY
    parts = []
    for source, day, at in noise:
        rows = networks[source]
        rows = rows[(rows["step"] == "-") & (rows["day"] == day)].copy()
        rows["time"] += start + at * DAY - (networks[source].attrs["midnight"] + day * DAY)
        rows["label"] = "-"
        parts.append(rows)
    used = {}
    for step, rows in instances(networks[of]):
        first = int(rows["time"].iloc[0])
        if begins is None:  # at its own time; the first day is left out, and dnsteal of the first two comes a day later
            moved = DAY if first < start + DAY else 0
        elif isinstance(begins, dict):
            nth = used.get(step, 0)
            used[step] = nth + 1
            moved = start + begins[step][nth] - first
        else:
            at = clock(LATER_END[of]) if step == "dnsteal/end" and of in LATER_END else first % DAY
            moved = start + begins * DAY + at - first
        rows = rows.copy()
        rows["time"] += moved
        number += 1
        rows["label"] = step_label(step, number)
        parts.append(rows)
    whole = pd.concat(parts)
    whole["campaign"] = np.where(whole["label"] == "-", "-", of)
    return finish(f"{name}-{of}", whole)


def finish(name, whole):
    keys = ["time", "host", "short", "ip", "name"]
    whole = whole.sort_values([*keys, "org"] if "org" in whole else keys, kind="stable").reset_index(drop=True)
    whole["id"] = np.char.mod("a%07d", np.arange(len(whole)))
    columns = COLUMNS + (["org"] if "org" in whole else [])
    frame = whole[columns].copy()
    for column in columns[2:]:
        frame[column] = frame[column].astype("category")
    label, labels = codes(whole["label"])
    campaign, campaigns = codes(whole["campaign"])
    return Set(name, frame, label, labels, campaign, campaigns)


def codes(values):
    """Codes with `-` as 0 and `x` (not counted) as -1."""
    names = ["-"] + sorted(set(values.unique()) - {"-", "x"})
    lookup = {n: i for i, n in enumerate(names)} | {"x": -1}
    return values.map(lookup).to_numpy("int64"), names


# --------------------------------------------------------------------------------- merged sets

POISON = {"ip": "203.0.113.80", "domain": "cdn.shared-edge.example", "host": "jump-proxy"}
POISONED = 36  # alerts per network
APART = 40 * 60  # between the beginnings of two intrusions


def build_merged_set(name, networks):
    """`merged` and its options; see merged_set."""
    options = name.split("-")[1:]
    known = {"real", "dedup", "minute", "noorg", "train", "eval", *("poison" + p for p in POISON)}
    if name.split("-")[0] != "merged" or set(options) - known:
        sys.exit(f"no such set: {name}")
    split = "train" if "train" in options else "eval" if "eval" in options else "all"
    common, parts = 1_700_000_000 // DAY * DAY + 9 * 3600, []
    chance = np.random.default_rng(20240229)
    for i, of in enumerate(SPLIT[split]):
        rows = networks[of].copy()
        if "dedup" in options:
            rows = rows.drop_duplicates(["time", "name", "ip", "host", "short"])
        if "minute" in options:
            rows = rows[~rows.assign(minute=rows["time"] // 60).duplicated(["minute", "ip", "host", "short"])]
        rows["campaign"] = np.where(rows["part"], of, "-")
        rows["label"] = np.where(rows["part"], of + "/" + rows["step"].where(rows["step"] != "-", "dnsteal/query"), "-")
        rows["org"] = of
        intrusion = rows["part"] & ~rows["label"].str.contains("dnsteal", regex=False)
        if "real" not in options:
            rows["time"] += common + i * APART - int(rows.loc[intrusion, "time"].min())
        for what, value in POISON.items():
            if "poison" + what in options:  # as many of each step as there are, then not counted
                step = rows.loc[intrusion, "label"]
                weight = (1 / step.map(step.value_counts())).to_numpy()
                picked = chance.choice(step.index.to_numpy(), POISONED, p=weight / weight.sum())
                extra = rows.loc[picked].copy()
                extra["campaign"] = extra["label"] = "x"
                if what == "domain":
                    extra["name"] = extra["name"] + " " + value
                else:
                    extra[what] = value
                rows = pd.concat([rows, extra], ignore_index=True)
                intrusion = rows["part"] & (rows["campaign"] != "x") & ~rows["label"].str.contains("dnsteal", regex=False)
        parts.append(rows)
    whole = pd.concat(parts)
    if "noorg" in options:
        whole["org"] = ""
    return finish(name, whole)


# ---------------------------------------------------------------------------------- cache, files


def cached(work, name, build):
    """The set from `work`, or built and kept there: NAME.parquet, NAME.csv (what a grouper reads) and NAME.truth.csv."""
    folder = os.path.join(work, f"v{VERSION}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}.parquet")
    csv = os.path.join(folder, f"{name}.csv")
    if not os.path.exists(path):
        made = build()
        made.frame.to_csv(csv, index=False, lineterminator="\n")
        truth = pd.DataFrame({"id": made.frame["id"]})
        truth["label"] = np.array(made.labels + ["x"])[made.label]
        truth["campaign"] = np.array(made.campaigns + ["x"])[made.campaign]
        truth.to_csv(os.path.join(folder, f"{name}.truth.csv"), index=False, lineterminator="\n")
        whole = made.frame.assign(_label=truth["label"].astype("category"), _campaign=truth["campaign"].astype("category"))
        whole.to_parquet(path + ".new", index=False)
        os.replace(path + ".new", path)
    whole = pd.read_parquet(path)
    label, labels = codes(whole["_label"].astype(str))
    campaign, campaigns = codes(whole["_campaign"].astype(str))
    return Set(name, whole.drop(columns=["_label", "_campaign"]), label, labels, campaign, campaigns, csv)


class Networks(dict):
    """All networks, read when first asked for."""

    def __missing__(self, name):
        self[name] = network(name)
        return self[name]


NETWORKS = Networks()


def step_sets(work, name, split="all"):
    """The scenarios of one of STEP_SETS: a list of Set, kept in memory."""
    key = (work, name, split)
    if key not in _KEPT:
        _KEPT[key] = [
            cached(work, f"{name}-{of}", lambda of=of: build_step_set(name, of, NETWORKS)) for of in SPLIT[split]
        ]
    return _KEPT[key]


def merged_set(work, name, split="all"):
    """All networks of a split in one stream, the intrusions beginning 40 minutes apart. `name` is `merged`, with any of

      -real     every network at its own time: the intrusions do not overlap
      -dedup    one alert per second of the same name, ip, host and detector; -minute: per minute, whatever the name
      -noorg    the column `org` is there but empty
      -poisonip, -poisondomain, -poisonhost   36 alerts more in every intrusion, copies of its own that share one address,
                one word in the name or one host over all networks; they are not counted in the metrics
    """
    name = name if split == "all" else f"{name}-{split}"
    key = (work, name)
    if key not in _KEPT:
        _KEPT[key] = cached(work, name, lambda: build_merged_set(name, NETWORKS))
    return _KEPT[key]


_KEPT = {}

# --------------------------------------------------------------------------------------- peers


def dense(group):
    """Group numbers as 0…n-1."""
    group = np.asarray(group)
    if group.dtype.kind in "iu" and len(group) and group.min() >= 0 and group.max() < 4 * len(group) + 1000:
        present = np.zeros(int(group.max()) + 1, bool)
        present[group] = True
        return (np.cumsum(present) - 1)[group], int(present.sum())
    values, numbers = np.unique(group, return_inverse=True)
    return numbers, len(values)


def timegap(*columns):
    """The fair cheap peer: a new group when nothing happened for Δ seconds, per value of the columns."""

    def group(frame, gap):
        time = frame["time"].to_numpy()
        key = np.zeros(len(frame), "int64")
        for column in columns:
            values = frame[column]
            found = values.cat.codes.to_numpy() if hasattr(values, "cat") else pd.factorize(values)[0]
            key = key * (int(found.max(initial=0)) + 1) + found
        order = np.lexsort((time, key))
        new = np.zeros(len(frame), bool)
        new[1:] = (np.diff(time[order]) >= gap) | (np.diff(key[order]) != 0)
        out = np.empty(len(frame), "int64")
        out[order] = np.cumsum(new)
        return out

    return group


def peer(name):
    """`timegap`, `timegap+ip`, `timegap+host`, `timegap+host+short`, …"""
    kind, *columns = name.split("+")
    if kind != "timegap" or set(columns) - {"ip", "host", "short", "name", "org"}:
        sys.exit(f"no such peer: {name}")
    return timegap(*columns)


GAPS = sorted([2.0**i for i in range(-7, 13)] + [1.5 * 2.0**i for i in range(-7, 12)])

# ------------------------------------------------------------------------------------- metrics


def contingency(truth, count, group):
    """counts[truth code, group], the size of each group; rows with a code below 0 are not counted."""
    group, groups = dense(group)
    if (truth < 0).any():
        group, truth = group[truth >= 0], truth[truth >= 0]
    sizes = np.bincount(group, minlength=groups)
    attack = np.flatnonzero(truth)  # few of the groups hold attacks: count those only
    held, where = np.unique(group[attack], return_inverse=True)
    counts = np.bincount(truth[attack] * len(held) + where, minlength=count * len(held)).reshape(count, -1)
    counts[0] = sizes[held] - counts[1:].sum(axis=0)
    return counts.astype(float), float(len(truth))


def step_counts(s, group):
    """{label: ((TPR, TNR) without noise, (TPR, TNR) with noise)} of one scenario, over ordered pairs, self pairs too."""
    counts, everything = contingency(s.label, len(s.labels), group)
    out = {}
    for code, name in enumerate(s.labels[1:], 1):
        n, total, pairs = counts[code], counts[code].sum(), []
        for sizes, rows in ((counts[1:].sum(axis=0), counts[1:].sum()), (counts.sum(axis=0), everything)):
            tp, fp = (n * n).sum(), (n * (sizes - n)).sum()
            fn, tn = (n * (total - n)).sum(), (n * (rows - sizes - total + n)).sum()
            pairs.append((tp / (tp + fn), tn / (fp + tn) if fp + tn else np.nan))
        out[name] = pairs
    return out


def mean_tree(scores):
    """{label: value} → {step type: value}: instances to stage, stages to step type. Then `macro`: step types."""
    stages = {}
    for label, value in scores.items():
        kind, stage, _ = label.split("/")
        stages.setdefault(kind, {}).setdefault(stage, []).append(value)
    kinds = {k: np.mean([np.mean(v, axis=0) for v in s.values()], axis=0) for k, s in stages.items()}
    return kinds | {"macro": np.mean(list(kinds.values()), axis=0)}


def step_scores(sets, groups):
    """{step type or `macro`: [[TPR, TNR] without noise, [TPR, TNR] with noise]} over the scenarios of a set."""
    scores = {}
    for s, group in zip(sets, groups):
        scores |= {label: np.array(pair) for label, pair in step_counts(s, group).items()}
    return mean_tree(scores)


def auc(points):
    """Area under the step function `best TPR among the points with at least this TNR`."""
    best, area, at = 0.0, 0.0, 1.0
    for tnr, tpr in sorted(((tnr, tpr) for tpr, tnr in points), reverse=True):
        area += best * (at - tnr)
        best, at = max(best, tpr), tnr
    return area + best * at


@dataclass
class Roc:
    """What a sweep found. auc[step type or `macro`] = (without noise, with noise); points[parameter] = step_scores."""

    auc: dict
    points: dict

    def __str__(self):
        return f"{self.auc['macro'][0]:.4f} without noise, {self.auc['macro'][1]:.4f} with noise"

    def at(self, kind=0):
        """The parameter with the greatest TPR + TNR, and its step scores."""
        best = max(self.points, key=lambda p: self.points[p]["macro"][kind].sum())
        return best, self.points[best]


def roc(work, name, split, group, grid):
    """The published measure of `group` over a grid of parameters."""
    return roc_of(step_sets(work, name, split), group, grid)


def roc_of(sets, group, grid):
    points = {p: step_scores(sets, [group(s.frame, p) for s in sets]) for p in grid}
    kinds = next(iter(points.values())).keys()
    areas = {k: tuple(auc([points[p][k][noise] for p in grid]) for noise in (0, 1)) for k in kinds}
    return Roc(areas, points)


def campaign_scores(s, group):
    """Metrics of a grouping against the campaigns of a merged set; see campaign.py --help."""
    counts, _ = contingency(s.campaign, len(s.campaigns), group)
    sizes, parts = counts.sum(axis=0), counts[1:]
    whole = parts.sum(axis=1, keepdims=True)
    precision = ((parts * parts / sizes).sum(axis=1) / whole[:, 0]).mean()
    recall = ((parts * parts).sum(axis=1) / whole[:, 0] ** 2).mean()
    much = parts >= 0.01 * whole
    shares = -np.sort(-parts / whole, axis=1)
    item = parts.sum(axis=0)
    pairs = lambda n: (n * (n - 1) / 2).sum()
    together, total = pairs(parts), pairs(np.array(parts.sum()))
    expected = pairs(item) * pairs(whole) / total
    entropy = lambda n: -(n[n > 0] / n.sum() * np.log(n[n > 0] / n.sum())).sum()
    joint, h_group, h_truth = entropy(parts), entropy(item), entropy(whole)
    homogeneity = 1 - (joint - h_group) / h_truth
    completeness = 1 - (joint - h_truth) / h_group if h_group else 1.0
    merged = {(a, b) for a in range(len(parts)) for b in range(a) if (much[a] & much[b]).any()}
    return {
        "precision": precision,
        "recall": recall,
        "f": 2 * precision * recall / (precision + recall),
        "over-merged": int((much.sum(axis=0) >= 2).sum()),
        "merged pairs": len(merged),
        "merged pairs of alerts": (pairs(item) - together) / (total - pairs(whole)),
        "fragments": float((parts > 0).sum(axis=1).mean()),
        "fragments to 90 %": float((np.cumsum(shares, axis=1) < 0.9 - 1e-9).sum(axis=1).mean() + 1),
        "ari": (together - expected) / ((pairs(item) + pairs(whole)) / 2 - expected),
        "v": 2 * homogeneity * completeness / (homogeneity + completeness),
    }


def campaigns(s, group, grid=(0.5,)):
    return {p: campaign_scores(s, group(s.frame, p)) for p in grid}


def shuffled(s, seed=1):
    """The set with its truth shuffled within each hour: what a grouper scores by time alone."""
    order = np.random.default_rng(seed).permutation(len(s.frame))
    hour = s.frame["time"].to_numpy() // 3600
    to = np.arange(len(order))[np.argsort(hour, kind="stable")]
    of = order[np.argsort(hour[order], kind="stable")]
    label, campaign = s.label.copy(), s.campaign.copy()
    label[to], campaign[to] = s.label[of], s.campaign[of]
    return Set(s.name + "-shuffled", s.frame, label, s.labels, campaign, s.campaigns, s.csv)


def check():
    """The measures against the plainest code for them, on small random cases."""
    from sklearn.metrics import adjusted_rand_score, v_measure_score

    chance = np.random.default_rng(7)
    for round_ in range(50):
        n = 60
        truth, group = chance.integers(0, 4, n), chance.integers(0, int(chance.integers(2, 12)), n) * 1000 - 500
        frame = pd.DataFrame({"time": np.zeros(n)})
        names = ["-", "dirb/-/1", "dnsteal/end/2", "dnsteal/end/3"]
        s = Set("check", frame, truth, names, truth, ["-", "a", "b", "c"])
        found = step_counts(s, group)
        for code, name in enumerate(names[1:], 1):
            for noise, counted in ((0, truth > 0), (1, truth >= 0)):
                t, g = truth[counted], group[counted]
                mine = np.flatnonzero(t == code)
                tp = sum(g[i] == g[j] for i in mine for j in mine)
                fp = sum(g[i] == g[j] for i in mine for j in range(len(t)) if t[j] != code)
                others = sum(t != code) * len(mine)
                assert np.allclose(found[name][noise], (tp / len(mine) ** 2, 1 - fp / others)), (round_, name)
        scores, tree = campaign_scores(s, group), mean_tree({k: v[0][0] for k, v in found.items()})
        ends = (found["dnsteal/end/2"][0][0] + found["dnsteal/end/3"][0][0]) / 2
        assert np.isclose(tree["macro"], (found["dirb/-/1"][0][0] + ends) / 2)
        attack = truth > 0
        assert np.isclose(scores["ari"], adjusted_rand_score(truth[attack], group[attack]))
        assert np.isclose(scores["v"], v_measure_score(truth[attack], group[attack]))
        for which, of in (("precision", lambda i, same: same.sum() / (group == group[i]).sum()),
                          ("recall", lambda i, same: same.sum() / (truth == truth[i]).sum())):  # fmt: skip
            each = [np.mean([of(i, (group == group[i]) & (truth == k)) for i in np.flatnonzero(truth == k)]) for k in (1, 2, 3)]
            assert np.isclose(scores[which], np.mean(each)), which
    assert np.isclose(auc([(1.0, 0.5), (0.5, 0.9)]), 0.5 * 1.0 + 0.4 * 0.5)
    print("measures agree")


if __name__ == "__main__":
    check()
