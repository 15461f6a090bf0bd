#!/usr/bin/env python3
"""Measures nightdesk beside a plain method on the same splits: reference.py DATA BINARY

The plain method is what others could write in an hour with scikit-learn: a linear support vector machine, one entry against
the rest, on TF-IDF of words and neighbours, runs of 3 to 5 letters, and pairs of words (for Chinese by character, without
runs); its confidence is a sum of the margin to the runner-up, the cosine to the nearest example and the share of known words.
Prints Markdown; docs/quality.md tells what the columns mean.
"""

import hashlib
import itertools
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

TOKENS = re.compile(r"[a-z0-9']+|[\u3400-\u9fff]")
# Above so many examples features that only one has are left out, as nightdesk does.
MANY = 2000
# Margin, cosine, known words.
CONFIDENCE = (3.204, 2.283, 1.349)


def tokens(text):
    return TOKENS.findall(text.lower())


def pairs(text):
    return [" ".join(sorted(pair)) for pair in itertools.combinations(list(dict.fromkeys(tokens(text)))[:40], 2)]


def neighbours(text):
    own = tokens(text)
    return own + [" ".join(pair) for pair in zip(own, own[1:])]


def vectorizers(examples):
    least = 2 if len(examples) > MANY else 1
    yield TfidfVectorizer(analyzer=neighbours, sublinear_tf=True, min_df=least)
    yield TfidfVectorizer(analyzer=pairs, sublinear_tf=True, min_df=least)
    if not any("\u3400" <= sign <= "\u9fff" for sign in "".join(examples[:100])):
        yield TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=least)


def plain(rows):
    """Whether each message is in scope, whether its best entry is right, and the confidence in that."""
    examples = [(label, text) for split, label, text in rows if split == "train" and label != "oos"]
    asked = [(label, text) for split, label, text in rows if split == "test"]
    labels, texts = (np.array(part, dtype=object) for part in zip(*examples))
    right, messages = (np.array(part, dtype=object) for part in zip(*asked))
    groups = [(each.fit_transform(texts), each.transform(messages)) for each in vectorizers(list(texts))]
    known, asked = (normalize(hstack([group[side] for group in groups]).tocsr()) for side in (0, 1))
    model = LinearSVC(C=1).fit(known, labels.astype(str))
    scores = model.decision_function(asked)
    best = model.classes_[scores.argmax(axis=1)]
    highest = np.sort(scores, axis=1)
    cosines = (asked @ known.T).toarray()
    nearest = np.array([cosines[at, labels == label].max() for at, label in enumerate(best)])
    words = TfidfVectorizer(analyzer=tokens).fit(texts)
    rarity, rarest = dict(zip(words.get_feature_names_out(), words.idf_)), np.log(1 + len(texts)) + 1

    def share(text):
        own = [(word, rarity.get(word, rarest)) for word in set(tokens(text))]
        return sum(weight for word, weight in own if word in rarity) / max(sum(weight for _, weight in own), 1e-9)

    measures = highest[:, -1] - highest[:, -2], nearest, np.array([share(text) for text in messages])
    confidence = sum(weight * measure for weight, measure in zip(CONFIDENCE, measures))
    return right != "oos", best == right, confidence


def figures(inside, right, confidence):
    """top-1, and where some messages are out of scope AUROC and in at oos 80."""
    top = 100 * right[inside].mean()
    if inside.all():
        return [f"{top:.1f}", "", ""]
    outside = np.sort(confidence[~inside])
    bar = outside[int(np.ceil(0.8 * len(outside))) - 1]
    held = 100 * (right & (confidence > bar))[inside].mean()
    return [f"{top:.1f}", f"{100 * roc_auc_score(inside, confidence):.1f}", f"{held:.1f}"]


def ours(binary, rows):
    """The same three from `nightdesk eval`."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "set.tsv"
        # Labels become ids, in which few signs may stand.
        name = lambda label: label if label == "oos" else "l" + hashlib.sha1(label.encode()).hexdigest()
        path.write_text("".join(f"{split}\t{name(label)}\t{text}\n" for split, label, text in rows), encoding="utf-8")
        out = subprocess.run([binary, "--quiet", "eval", path], check=True, capture_output=True, text=True).stdout
    return [field.strip() for field in out.splitlines()[2].split("|")[5:8]]


def read(path):
    fields = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [tuple(row) for row in fields if len(row) == 3 and row[0] != "val"]


def without(rows, labels):
    return [(split, "oos" if label in labels else label, text) for split, label, text in rows if split == "test" or label not in labels]


def sets(data):
    yield "hint3", read(data / "hint3_sofmattress/sofmattress_v1.tsv")
    banking = read(data / "banking77/banking77.tsv")
    left = {line.split("\t")[1] for line in (data / "banking77/oos_labels.tsv").read_text(encoding="utf-8").splitlines() if "\t" in line}
    yield "banking77", banking
    yield "banking77-near", without(banking, left)
    hwu = read(data / "hwu64/hwu64.tsv")
    yield "hwu64", hwu
    labels = sorted({label for _, label, _ in hwu}, key=lambda label: hashlib.sha1(label.encode()).hexdigest())
    for number, quarter in enumerate(np.array_split(labels, 4), 1):
        yield f"hwu64-near, quarter {number}", without(hwu, set(quarter))
    yield "unionpay", read(data / "zh_unionpay/zh_unionpay.tsv")


def main():
    data, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
    print("| set | plain: top-1 | AUROC | in at oos 80 | nightdesk: top-1 | AUROC | in at oos 80 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    quarters = []
    for name, rows in sets(data):
        row = figures(*plain(rows)) + ours(binary, rows)
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)
        if "quarter" in name:
            quarters.append([float(value) for value in row])
    print("| hwu64-near, mean of the quarters | " + " | ".join(f"{value:.1f}" for value in np.mean(quarters, axis=0)) + " |")


if __name__ == "__main__":
    main()
