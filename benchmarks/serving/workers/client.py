"""Load generator for one server, at saturation or at a given rate.

Usage: ``client.py PORT BODY CLIENTS SECONDS [RATE]``. Each client is a persistent connection. Prints latencies in
milliseconds and throughput as a JSON object.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

_HEAD = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


class Client(asyncio.Protocol):
    """A connection with at most one request in flight."""

    def __init__(self, request: bytes, deadline: float, latencies: list[float], refused: list[bytes]) -> None:
        self._request, self._deadline = request, deadline
        self._latencies, self._refused = latencies, refused
        self._answer = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send the first request."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Collect the response and, once it is complete, send the next request."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._refused.append(self._answer)
        if now < self._deadline:
            self._send()
        else:
            self._transport.close()
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if the connection closed before the last response."""
        if not self.ended.done():
            self.ended.set_exception(ConnectionError(f"The server closed a connection: {exc}"))

    def _send(self) -> None:
        self._answer = b""
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def saturate(port: int, request: bytes, clients: int, seconds: float) -> dict[str, object]:
    """Send each client's next request as soon as its last one is answered."""
    latencies: list[float] = []
    refused: list[bytes] = []
    begun = time.perf_counter()
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: Client(request, begun + seconds, latencies, refused), "127.0.0.1", port)
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.ended for _, client in pairs))
    return _report(latencies, refused, time.perf_counter() - begun)


async def at_rate(port: int, request: bytes, clients: int, seconds: float, rate: float) -> dict[str, object]:
    """Send requests at even intervals, even if earlier ones are unanswered; measure latency from the due time."""
    latencies: list[float] = []
    refused: list[bytes] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(clients):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def ask(due: float) -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        latencies.append(time.perf_counter() - due)
        if not head.startswith(b"HTTP/1.1 200"):
            refused.append(head)
        free.put_nowait((reader, writer))

    begun = time.perf_counter()
    asked = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        asked.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*asked)
    return _report(latencies, refused, time.perf_counter() - begun)


def _report(latencies: list[float], refused: list[bytes], seconds: float) -> dict[str, object]:
    if refused:
        raise SystemExit(f"{len(refused)} of {len(latencies)} requests were refused, for example: {refused[0][:500]!r}")
    latencies.sort()
    percentiles = {f"p{q}": 1000 * latencies[min(len(latencies) * q // 100, len(latencies) - 1)] for q in (50, 99)}
    return {**percentiles, "requests": len(latencies), "per_second": len(latencies) / seconds}


def main() -> None:
    """Generate the load and print the figures."""
    port, path, clients, seconds, *rate = sys.argv[1:]
    body = Path(path).read_bytes()
    request = _HEAD.format(len(body)).encode() + body
    arguments = (int(port), request, int(clients), float(seconds))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(at_rate(*arguments, float(rate[0])) if rate else saturate(*arguments))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
