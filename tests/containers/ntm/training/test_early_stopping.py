from hypothesis import given
from hypothesis import strategies as st

from ntm.training.early_stopping import EarlyStopping


@given(st.lists(st.floats(-10, 10), min_size=1), st.integers(1, 5), st.floats(1e-6, 0.1))
def test_early_stopping_follows_the_built_ins_rule(losses: list[float], patience: int, tolerance: float) -> None:
    rule = EarlyStopping(patience, tolerance)
    bad = 0
    for epoch, loss in enumerate(losses):
        last = losses[max(0, epoch - patience) : epoch]
        bad = 0 if not last or loss <= min(last) - tolerance else bad + 1
        assert rule.should_stop(loss) == (bad > patience)
        if bad > patience:
            break
