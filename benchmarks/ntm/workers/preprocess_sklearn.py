"""Count the words of a CSV column ``text`` with scikit-learn; print seconds, peak MB and vocabulary size as JSON."""

import csv
import json
import resource
import sys
import time

import scipy.sparse
from sklearn.feature_extraction.text import CountVectorizer

if __name__ == "__main__":
    source, target = sys.argv[1:]
    started = time.perf_counter()
    vectorizer = CountVectorizer(
        token_pattern=r"[^\W\d_]{3,}", stop_words="english", min_df=5, max_df=0.5, max_features=5000
    )
    with open(source, newline="") as file:  # noqa: PTH123
        counts = vectorizer.fit_transform(row["text"] for row in csv.DictReader(file))
    scipy.sparse.save_npz(target, counts)
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "vocabulary": len(vectorizer.vocabulary_)}))
