"""Lower bound of latency: ONNX Runtime alone on prepared inputs.

Usage: ``bare_onnx.py MODEL DOCUMENTS WORDS SECONDS``. Prints the time per call as a JSON object, in milliseconds.
"""

import json
import sys
import time

import numpy as np
import onnxruntime


def main() -> None:
    """Call the session repeatedly with the same documents."""
    path, documents, words, seconds = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feature_dim = int(session.get_modelmeta().custom_metadata_map["feature_dim"])
    inputs = {
        "words": np.random.default_rng(0).integers(feature_dim, size=documents * words),
        "documents": np.repeat(np.arange(documents), words),
        "counts": np.ones(documents * words, np.float32),
        "size": np.array([documents]),
    }
    session.run(None, inputs)
    latencies = []
    begun = last = time.perf_counter()
    while last < begun + seconds:
        session.run(None, inputs)
        now = time.perf_counter()
        latencies.append(now - last)
        last = now
    latencies.sort()
    percentiles = {f"p{q}": 1000 * latencies[len(latencies) * q // 100] for q in (50, 99)}
    print(json.dumps({**percentiles, "requests": len(latencies), "per_second": len(latencies) / (last - begun)}))


if __name__ == "__main__":
    main()
