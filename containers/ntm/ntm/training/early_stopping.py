"""When the built-in stops before its epochs are over."""

from collections import deque
from collections.abc import Sequence


class EarlyStopping:
    """The built-in's rule: an epoch is bad when it does not beat the lowest of the last losses by the tolerance.

    The losses looked at are those of the last ``num_patience_epochs`` epochs; training stops once more than so many
    epochs in a row are bad.
    """

    def __init__(self, num_patience_epochs: int, tolerance: float, losses: Sequence[float] = ()) -> None:
        """Begin, or go on after the losses of epochs that are over."""
        self._patience, self._tolerance = num_patience_epochs, tolerance
        self._last: deque[float] = deque(maxlen=num_patience_epochs)
        self._bad = 0
        for loss in losses:
            self.should_stop(loss)

    def should_stop(self, loss: float) -> bool:
        """Take the loss of one more epoch; return whether to stop."""
        bad = bool(self._last) and loss > min(self._last) - self._tolerance
        self._bad = self._bad + 1 if bad else 0
        self._last.append(loss)
        return self._bad > self._patience
