"""Promotion by reference: the target's file names the source's model, and a pull request decides."""

from collections.abc import Callable

from topicsmith.core import environment_file
from topicsmith.promotion import artifacts, recording
from topicsmith.promotion.candidate import Candidate
from topicsmith.promotion.environments import Side
from topicsmith.promotion.records import Place, Record
from topicsmith.promotion.served import Served


class Pinning:
    """A promotion that lets the target read the model where it lies, and changes one line of the target's file.

    The order is mark, record, write. Whatever interrupts it, the file is the old one or the new one, and the same
    promotion once more goes on where it ended.

    Attributes:
        steps: what is left to be done.
    """

    def __init__(self, source: Side, target: Side, candidate: Candidate, served: Served | None) -> None:
        """Look at how far the promotion has come.

        Raises:
            OperatorError: an artifact is gone, or the file is written in a way that one line cannot say this in.
        """
        self._source, self._target, self._candidate, self._served = source, target, candidate, served
        self._text = environment_file.pinned(target.file, candidate.model.arn)
        self._is_pinned = target.file.settings.serving.model_package == candidate.model.arn
        self._artifacts = [
            candidate.model.data_uri,
            candidate.document_uri,
            *([candidate.report_uri] if candidate.report_uri else []),
        ]
        self._unmarked = [
            uri for uri in self._artifacts if not artifacts.is_marked(source.clients.s3, uri, target.name)
        ]
        self.steps = self._steps()

    @property
    def outcome(self) -> str:
        """What there is to do now."""
        file, name, version = self._target.file.shown, self._target.name, self._candidate.model.version
        deploy = f"It is served once that is deployed: make deploy ENV={name}"
        if self._is_pinned:
            is_served = self._served is not None and self._served.arn == self._candidate.model.arn
            pins = f"{file} pins version {version} of {self._source.name}"
            return f"Nothing to do: {pins}, and {name} serves it." if is_served else f"{pins}.\n{deploy}"
        return "\n".join(
            [
                f"{file} pins version {version} of {self._source.name} now. For a pull request:",
                f"  git switch -c promote-{self._source.name}-{version}-to-{name}",
                f'  git commit -m "Serve version {version} of {self._source.name} in {name}" -- {file}',
                "  git push -u origin HEAD",
                deploy,
            ]
        )

    def carry_out(self, tell: Callable[[str], None]) -> Record:
        """Let the target read the model, change the target's file, and return what was recorded.

        Args:
            tell: hears each step that was done.

        Raises:
            OperatorError: an artifact is gone, or the file cannot be written.
        """
        source, target, model = self._source, self._target, self._candidate.model
        digests = {uri: artifacts.sha256(source.clients.s3, uri) for uri in self._artifacts}
        for uri in self._unmarked:
            artifacts.mark(source.clients.s3, uri, target.name)
            tell(f"Tagged {uri}")
        record = recording.record(
            source,
            target,
            self._candidate,
            self._served,
            method="pin",
            place=Place(environment=target.name, account=target.account, version=None, arn=model.arn),
            artifacts=digests,
            goes_on=not self._is_pinned,
        )
        if not self._is_pinned:
            environment_file.write(target.file, self._text)
            tell(f"Wrote {target.file.shown}")
        return record

    def _steps(self) -> list[str]:
        file, name = self._target.file.shown, self._target.name
        steps = []
        if self._unmarked:
            steps.append(
                f"tag its artifacts {artifacts.mark_name(name)}={artifacts.MARK}, so that {name} may read them"
            )
        if not self._is_pinned:
            steps.append(f"set serving.model_package in {file} to {self._candidate.model.arn}")
        return steps
