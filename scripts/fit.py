#!/usr/bin/env python3
"""Fits the coefficients of src/likeness/confidence.rs on development sets: fit.py DATA BINARY

DATA holds the labelled sets that docs/quality.md names; only their training and validation messages are used. Prints the two
sets of coefficients as they stand in the source, and figures of the development sets under them.
"""

import collections
import hashlib
import itertools
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

# Measures that take part in the order of the entries, and in the confidence in the first of them.
ORDER = ["score", "nearest", "three", "all", "covered", "tokens", "message_in_example", "example_in_message", "denied", "undenied"]
SURE = ["score", "tokens", "message_in_example", "example_in_message", "denied", "undenied", "length"]
# The same for shops of few entries, which know few words: what a message shares with the entry says more than in large ones.
SURE_FEW = ["score", "covered", "example_in_message", "denied", "undenied"]
# Entries and examples each of the small shops that are drawn, and how many of each kind.
FEW = [(entries, examples) for entries in (4, 8, 16) for examples in (3, 8)]
DRAWN = 3
# Parts that the labels are divided into; one at a time is left out, so that its messages are near out of scope.
PARTS = 5
# What each set weighs, however many messages it has.
WEIGHT = 1000.0


def hashed(text):
    return int(hashlib.sha1(text.encode()).hexdigest(), 16)


def read(path):
    """Messages as (label, text), by split."""
    splits = collections.defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) == 3 and not line.startswith("#"):
            splits[fields[0]].append((fields[1], fields[2]))
    return splits


def few(messages, count):
    """The first few of each label, in an order that has nothing to do with what they say."""
    seen, out = collections.Counter(), []
    for label, text in sorted(messages, key=lambda message: hashed(message[1])):
        if seen[label] < count:
            seen[label] += 1
            out.append((label, text))
    return out


def sources(data):
    """Name, examples and messages asked, of each source."""
    banking = read(data / "banking77/banking77.tsv")
    hwu = read(data / "hwu64/hwu64.tsv")
    union = read(data / "zh_unionpay/zh_unionpay.tsv")
    hint = read(data / "hint3_sofmattress/sofmattress_v1.tsv")["train"]
    jining = read(data / "zh_jining/zh_jining.tsv")["train"]
    asked = [message for message in union["val"] if message[0] != "oos"]
    yield "banking77", banking["train"], banking["val"]
    yield "banking77, 8 each", few(banking["train"], 8), banking["val"]
    yield "hwu64", hwu["train"], hwu["val"]
    yield "hwu64, 8 each", few(hwu["train"], 8), hwu["val"]
    yield "hwu64, 5 each", few(hwu["train"], 5), hwu["val"]
    yield "unionpay", union["train"], asked
    yield "unionpay, 6 each", few(union["train"], 6), asked
    yield "hint3", [m for m in hint if hashed(m[1]) % PARTS], [m for m in hint if hashed(m[1]) % PARTS == 0]
    labels = set(sorted({label for label, _ in jining}, key=hashed)[:250])
    held = [m for m in jining if hashed(m[1]) % 12 == 0 and m[0] in labels]
    yield "jining, 5 each", [m for m in few([m for m in jining if hashed(m[1]) % 12], 5) if m[0] in labels], held


def small(data):
    """Shops of few entries, drawn from the sources: their messages, and as many of other entries."""
    for source, examples, asked in sources(data):
        if "each" in source and "jining" not in source:
            continue
        labels = sorted({label for label, _ in examples}, key=lambda label: hashed("s" + label))
        for (entries, count), draw in itertools.product(FEW, range(DRAWN)):
            chosen = set(random.Random(draw * 100 + entries).sample(labels, entries))
            wanted = [message for message in asked if message[0] in chosen]
            others = [("oos", text) for label, text in asked if label not in chosen]
            random.Random(1).shuffle(others)
            if len(wanted) > 3:
                known = few([message for message in examples if message[0] in chosen], count)
                yield f"{source}, {entries} entries", known, wanted + others[: max(60, len(wanted))]


class Measured:
    """What the program measured for each message of a set: entries × measures, and which entry is the right one."""

    def __init__(self, binary, directory, examples, asked, memory):
        path = pathlib.Path(directory) / "set.tsv"
        rows = [("train", *message) for message in examples] + [("test", *message) for message in asked]
        clean = [(split, label if label == "oos" else "l" + hashlib.sha1(label.encode()).hexdigest(), text) for split, label, text in rows]
        path.write_text("".join("\t".join(row) + "\n" for row in clean), encoding="utf-8")
        command = [binary, "--quiet", "eval", "--measures", "--memory-mb", str(memory), str(path)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        self.names = lines[0].split("\t")[3:]
        self.messages = collections.defaultdict(list)
        for line in lines[1:]:
            number, scope, right, *values = line.split("\t")
            self.messages[int(number)].append((scope == "in", right == "1", [float(value) for value in values]))

    def columns(self, names):
        return [self.names.index(name) for name in names]

    def differences(self):
        """The measures of the right entry less those of each other, for messages whose right entry is among the best."""
        columns = self.columns(ORDER)
        for entries in self.messages.values():
            right = next((np.array(values)[columns] for _, right, values in entries if right), None)
            if right is not None:
                yield from (right - np.array(values)[columns] for _, other, values in entries if not other)

    def first(self, order):
        """Of each message the entry that comes first: in scope, right, measures."""
        columns = self.columns(ORDER)
        for entries in self.messages.values():
            yield max(entries, key=lambda entry: np.array(entry[2])[columns] @ order)


def regression(rows, constant):
    x, y, weight = (np.concatenate(part) for part in zip(*rows))
    return LogisticRegression(C=100.0, max_iter=10_000, fit_intercept=constant).fit(x, y, sample_weight=weight)


def order_of(sets):
    """What the entries are ordered by."""
    rows = []
    for measured in sets:
        x = np.array(list(measured.differences()))
        side = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0)
        rows.append((x * side[:, None], side > 0, np.full(len(x), WEIGHT / len(x))))
    return regression(rows, constant=False).coef_[0]


def sure_of(sets, order, names):
    """How sure the first of them is."""
    rows = []
    for measured in sets:
        firsts = list(measured.first(order))
        x = np.array([values for _, _, values in firsts])[:, measured.columns(names)]
        rows.append((x, np.array([right for _, right, _ in firsts]), np.full(len(x), WEIGHT / len(x))))
    return regression(rows, constant=True)


def spread(names, all_names, values):
    by_name = dict(zip(names, values))
    return "[" + ", ".join(f"{by_name.get(name, 0.0):.3f}".replace("0.000", "0.0") for name in all_names) + "]"


def report(name, order, sure, names, sets):
    print(f"pub(super) const {name}: Coefficients = Coefficients {{")
    print(f"    rank: {spread(ORDER, sets[0][1].names, order)},")
    print(f"    sure: {spread(names, sets[0][1].names, sure.coef_[0])},")
    print(f"    constant: {sure.intercept_[0]:.3f},\n}};")
    figures = collections.defaultdict(list)
    for source, measured in sets:
        firsts = list(measured.first(order))
        x = np.array([values for _, _, values in firsts])[:, measured.columns(names)]
        inside = np.array([scope for scope, _, _ in firsts])
        right = np.array([right for _, right, _ in firsts])
        confidence = sure.predict_proba(x)[:, 1]
        figures[source].append((100 * right[inside].mean(), 100 * roc_auc_score(inside, confidence)))
    for source, values in figures.items():
        print("// {:18} top-1 {:.1f}, AUROC near {:.1f}".format(source, *np.mean(values, axis=0)))


def leaving_out(data, least):
    """Sources of so many examples at least, a part of the labels left out of each."""
    for source, examples, asked in sources(data):
        labels = sorted({label for label, _ in examples}, key=lambda label: hashed("x" + label))
        for part in range(PARTS if len(examples) >= least else 0):
            out = set(labels[part::PARTS])
            known = [message for message in examples if message[0] not in out]
            yield source, known, [("oos" if label in out else label, text) for label, text in asked]


def main():
    data, binary = pathlib.Path(sys.argv[1]), sys.argv[2]

    def measured(shops, memory):
        with tempfile.TemporaryDirectory() as directory:
            return [(source, Measured(binary, directory, known, asked, memory)) for source, known, asked in shops]

    sets = measured(leaving_out(data, 0), 64)
    order = order_of([measured for _, measured in sets])
    report("LINEAR", order, sure_of([measured for _, measured in sets], order, SURE), SURE, sets)
    sets = measured(small(data), 64)
    report("FEW_ENTRIES", order, sure_of([measured for _, measured in sets], order, SURE_FEW), SURE_FEW, sets)
    # With 1 MB the larger sets have to take the nearest example; the small ones would not.
    sets = measured(leaving_out(data, 1500), 1)
    order = order_of([measured for _, measured in sets])
    report("NEAREST", order, sure_of([measured for _, measured in sets], order, SURE), SURE, sets)


if __name__ == "__main__":
    main()
