"""Live view of a run on stderr: a table on a terminal, otherwise one line per change."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from topicsmith.core import output
from topicsmith.core.aws import Clients
from topicsmith.runs import runs
from topicsmith.runs.progress import Progress
from topicsmith.runs.runs import Run, Step

if TYPE_CHECKING:
    from rich.console import RenderableType

# Keeps logs short when stderr is not a terminal.
_SECONDS_BETWEEN_DETAIL_LINES = 10.0
_STYLES = {"Succeeded": "green", "Failed": "red", "Stopped": "yellow", "Stopping": "yellow"}
_MARKS = {"Succeeded": "✓", "Failed": "✗", "Stopped": "■"}


@dataclass(frozen=True)
class Snapshot:
    """State of a run at one moment, with details by step."""

    run: Run
    details: Mapping[str, str]


class Reporter(Protocol):
    """Display of successive snapshots."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show the changes in ``snapshot``."""


class Watcher:
    """Source of snapshots of a run."""

    def __init__(self, clients: Clients, run_arn: str) -> None:
        self._clients = clients
        self._run_arn = run_arn
        self._progress = Progress(clients)

    @property
    def refused(self) -> str | None:
        """Reason why some details could not be read, if any."""
        return self._progress.refused

    def look(self) -> Snapshot:
        """Return the current state of the run."""
        run = runs.get(self._clients.sagemaker, self._run_arn)
        return Snapshot(run, {step.name: detail(step, self._progress.of(run, step)) for step in run.steps})


def watch(
    clients: Clients,
    run_arn: str,
    step_names: Sequence[str],
    console: Console,
    sleep: Callable[[float], None] = time.sleep,
) -> Run:
    """Show a run on ``console`` until it finishes, and return its final state.

    Args:
        clients: Clients of the run's cloud.
        run_arn: ARN of the pipeline execution.
        step_names: All steps of the pipeline, in order; steps that have not started are shown as waiting.
        console: Console to show the run on.
        sleep: Function that waits between polls.
    """
    watcher = Watcher(clients, run_arn)
    reporter: Reporter = LiveReporter(console, step_names) if console.is_terminal else LineReporter(console)
    with reporter:
        while True:
            snapshot = watcher.look()
            reporter.show(snapshot)
            if snapshot.run.is_over:
                break
            sleep(clients.poll_seconds)
    if watcher.refused:
        console.print(f"Some details are missing. {watcher.refused}")
    return snapshot.run


class LiveReporter:
    """Table that is updated in place; its times advance between polls."""

    def __init__(self, console: Console, step_names: Sequence[str]) -> None:
        self._step_names = step_names
        self._snapshot: Snapshot | None = None
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Replace the snapshot shown."""
        self._snapshot = snapshot

    def _render(self) -> "RenderableType":
        if self._snapshot is None:
            return Text("")
        run = self._snapshot.run
        head = Text.assemble("Run ", (run.id, "bold"), f"  {output.duration(run.seconds)}")
        return Group(head, steps_table(self._snapshot, self._step_names, self._spinner))


class LineReporter:
    """Line for each status change of a step, with occasional lines of progress."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._statuses: dict[str, str] = {}
        self._details: dict[str, str] = {}
        self._detail_shown_at = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        """Write lines for the changes since the last snapshot."""
        for step in snapshot.run.steps:
            detail = snapshot.details.get(step.name, "")
            if self._statuses.get(step.name) != step.status:
                self._statuses[step.name] = step.status
                self._write(step, detail)
            elif step.status == "Executing" and self._is_due(step, detail):
                self._write(step, detail)

    def _is_due(self, step: Step, detail: str) -> bool:
        waited = self._clock() - self._detail_shown_at
        return detail != self._details.get(step.name) and waited >= _SECONDS_BETWEEN_DETAIL_LINES

    def _write(self, step: Step, detail: str) -> None:
        self._details[step.name], self._detail_shown_at = detail, self._clock()
        time_taken = output.duration(step.seconds) if step.ended or step.job else ""
        parts = (step.name, step.status, time_taken, detail)
        self._console.print("  ".join(part for part in parts if part), soft_wrap=True)


def steps_table(snapshot: Snapshot, step_names: Sequence[str] = (), running: "RenderableType" = "") -> Table:
    """Return the steps of a run as a table.

    Args:
        snapshot: State of the run.
        step_names: All steps of the pipeline; during a run, steps that have not started are shown as waiting.
        running: Mark of a running step.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=1)
    table.add_column()
    table.add_column()
    table.add_column(justify="right", min_width=10)
    table.add_column(overflow="fold")
    run = snapshot.run
    for step in run.steps:
        mark = Text(_MARKS[step.status], style=_STYLES[step.status]) if step.status in _MARKS else running
        detail = snapshot.details.get(step.name, "")
        table.add_row(mark, step.name, status(step.status), output.duration(step.seconds), detail)
    if not run.is_over:
        for name in step_names:
            if run.step(name) is None:
                table.add_row("", Text(name, style="dim"), Text("Waiting", style="dim"), "", "")
    return table


def status(name: str) -> Text:
    """Return a status with its colour."""
    return Text(name, style=_STYLES.get(name, "cyan"))


def detail(step: Step, progress: str) -> str:
    """Return the details of a step beyond its status; ``progress`` is the progress of its job."""
    if step.cached_from:
        return f"reused from run {step.cached_from}" + (f" · {progress}" if progress else "")
    if progress:
        return progress
    if step.passed is not None:
        return "passed" if step.passed else "rejected"
    if step.model_package:
        return f"model version {runs.id_of(step.model_package)}"
    if documents := step.outputs.get("documents"):
        return f"{documents} documents, {step.outputs.get('feature_dim', '?')} words"
    return ""
