"""Requests per minute that one instance sustains within a latency limit, the basis of the scaling target."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from _servers import body, ours, write_random_model

from _common import command, console, show  # isort: skip  (importable once _servers has extended sys.path)

_CONNECTIONS = 256
_PER_MINUTE = 60
# AWS's recommended starting point: load keeps growing until new instances are in service.
_SAFETY_FACTOR = 0.5


def main(
    vocabulary: Annotated[int, typer.Option(min=100)] = 2000,
    form: Annotated[str, typer.Option(help="text, bow (dense) or sparse.")] = "text",
    batch: Annotated[int, typer.Option(help="Documents per request.", min=1)] = 1,
    p99_ms: Annotated[float, typer.Option(help="Limit of the 99th percentile of latency.", min=1)] = 50.0,
    seconds: Annotated[float, typer.Option(help="Duration of each rate.", min=1)] = 10.0,
    steps: Annotated[int, typer.Option(help="Steps of the binary search for the rate.", min=1)] = 6,
) -> None:
    """Find the highest request rate that stays within the latency limit, with this machine as the instance.

    Requests are sent at even intervals, even if earlier ones are still unanswered, and latency counts from the time
    at which a request was due. The client process shares the cores. The scaling target (invocations per instance and
    minute) is half of that rate, AWS's safety factor of 0.5:
    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html

      load.py --batch 1 --p99-ms 50
    """
    rows = []
    with TemporaryDirectory() as temporary:
        base = Path(temporary)
        path = base / "request.json"
        path.write_bytes(body(form, write_random_model(base, vocabulary), batch))
        with ours(base) as server:
            most = server.load(path, 64, seconds)["per_second"]
            kept, broken = 0.0, most
            for _ in range(steps):
                rate = (kept + broken) / 2
                measured = server.load(path, _CONNECTIONS, seconds, rate)
                within = measured["p99"] <= p99_ms
                kept, broken = (rate, broken) if within else (kept, rate)
                rows.append(
                    (f"{rate:,.0f}", f"{measured['p50']:.2f}", f"{measured['p99']:.2f}", "yes" if within else "no")
                )
                console.print(" · ".join(rows[-1]), soft_wrap=True)
    show("Rates", ["requests/s", "p50 ms", "p99 ms", "within limit"], rows)
    console.print(
        f"\nAt saturation: {most * _PER_MINUTE:,.0f} requests/min; within {p99_ms:g} ms: {kept * _PER_MINUTE:,.0f}; "
        f"invocations_per_instance {_SAFETY_FACTOR * kept * _PER_MINUTE:,.0f}.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    command(main)
