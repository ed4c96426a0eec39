"""How many requests a minute one instance answers in time: the number behind the scaling target."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from _servers import body, ours, write_random_model

from _common import command, console, show  # isort: skip  (it is found once _servers is there)

_CONNECTIONS = 256
_PER_MINUTE = 60
# What AWS advises to begin with: load goes on growing until new instances are there.
_SAFETY_FACTOR = 0.5


def main(
    vocabulary: Annotated[int, typer.Option(min=100)] = 2000,
    form: Annotated[str, typer.Option(help="text, bow (dense) or sparse.")] = "text",
    batch: Annotated[int, typer.Option(help="Documents a request.", min=1)] = 1,
    p99_ms: Annotated[float, typer.Option(help="The latency that 99 of 100 requests must keep.", min=1)] = 50.0,
    seconds: Annotated[float, typer.Option(help="Of each rate.", min=1)] = 10.0,
    steps: Annotated[int, typer.Option(help="Rates that are tried, each time halving what is open.", min=1)] = 6,
) -> None:
    """Find the highest rate of requests at which the latency is kept; this machine is the instance.

    Requests come at even intervals, whether or not those before have been answered, and a latency counts from when its
    request was due. The clients' process shares the cores. The scaling target (invocations per instance and minute) is
    half of the rate, which AWS calls a safety factor of 0.5:
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
    show("Rates", ["requests a second", "p50 ms", "p99 ms", "kept"], rows)
    console.print(
        f"\nAt saturation {most * _PER_MINUTE:,.0f} requests a minute; within {p99_ms:g} ms {kept * _PER_MINUTE:,.0f}; "
        f"invocations_per_instance {_SAFETY_FACTOR * kept * _PER_MINUTE:,.0f}.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    command(main)
