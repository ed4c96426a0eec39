"""Early stopping of the built-in NTM."""

from collections import deque
from collections.abc import Sequence


class EarlyStopping:
    """Early-stopping rule of the built-in NTM.

    An epoch is bad if its loss does not fall below the lowest loss of the last ``num_patience_epochs`` epochs by the
    tolerance. Training stops after more than ``num_patience_epochs`` bad epochs in a row.
    """

    def __init__(self, num_patience_epochs: int, tolerance: float, losses: Sequence[float] = ()) -> None:
        """Start, or resume after the losses of completed epochs."""
        self._patience, self._tolerance = num_patience_epochs, tolerance
        self._last: deque[float] = deque(maxlen=num_patience_epochs)
        self._bad = 0
        for loss in losses:
            self.should_stop(loss)

    def should_stop(self, loss: float) -> bool:
        """Record the loss of an epoch; return True if training should stop."""
        bad = bool(self._last) and loss > min(self._last) - self._tolerance
        self._bad = self._bad + 1 if bad else 0
        self._last.append(loss)
        return self._bad > self._patience
