"""Promotion by reference: the target's file pins the source's model, for a pull request."""

from collections.abc import Callable

from topicsmith.core import environment_file
from topicsmith.promotion import artifacts, recording
from topicsmith.promotion.candidate import Candidate
from topicsmith.promotion.environments import Side
from topicsmith.promotion.records import Place, Record
from topicsmith.promotion.served import Served


class Pinning:
    """A promotion that lets the target read the model in place and changes one line of the target's file.

    The order is tag, record, write. After an interruption the file is either old or new, and the same promotion
    continues where it stopped.

    Attributes:
        steps: The remaining steps.
    """

    def __init__(self, source: Side, target: Side, candidate: Candidate, served: Served | None) -> None:
        """Determine the remaining steps.

        Raises:
            OperatorError: An artifact was deleted, or the file cannot be changed in one line.
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
        """The result and the next steps."""
        file, name, version = self._target.file.shown, self._target.name, self._candidate.model.version
        deploy = f"Deploy it to serve the model: make deploy ENV={name}"
        if self._is_pinned:
            is_served = self._served is not None and self._served.arn == self._candidate.model.arn
            pins = f"{file} pins version {version} of {self._source.name}"
            return f"Nothing to do: {pins}, and {name} serves it." if is_served else f"{pins}.\n{deploy}"
        return "\n".join(
            [
                f"{file} now pins version {version} of {self._source.name}. For a pull request:",
                f"  git switch -c promote-{self._source.name}-{version}-to-{name}",
                f'  git commit -m "Serve version {version} of {self._source.name} in {name}" -- {file}',
                "  git push -u origin HEAD",
                deploy,
            ]
        )

    def carry_out(self, tell: Callable[[str], None]) -> Record:
        """Let the target read the model, change the target's file, and return the record.

        Args:
            tell: Callback for each completed step.

        Raises:
            OperatorError: An artifact was deleted, or the file cannot be written.
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
            may_resume=not self._is_pinned,
        )
        if not self._is_pinned:
            environment_file.write(target.file, self._text)
            tell(f"Wrote {target.file.shown}")
        return record

    def _steps(self) -> list[str]:
        file, name = self._target.file.shown, self._target.name
        steps = []
        if self._unmarked:
            steps.append(f"tag its artifacts {artifacts.mark_name(name)}={artifacts.MARK}, which lets {name} read them")
        if not self._is_pinned:
            steps.append(f"set serving.model_package in {file} to {self._candidate.model.arn}")
        return steps
