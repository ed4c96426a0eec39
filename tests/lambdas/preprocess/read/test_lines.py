from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from read import lines
from read.lines import read_lines


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xff", b"\0", b'"'])).map(
        b"".join
    ),
    st.integers(1, 9),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_do_not_depend_on_the_blocks(content: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)
        found = list(read_lines(BytesIO(content)))
    assert found == [line.decode("utf-8", "surrogateescape") for line in content.splitlines(keepends=True)]


def test_byte_order_mark_is_skipped() -> None:
    assert list(read_lines(BytesIO("\ufeffid\n\ufeff".encode()))) == ["id\n", "\ufeff"]


def test_an_overlong_line_is_cut_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK", 10)
    monkeypatch.setattr(lines, "MAX_ROW", 20)
    first, second, third = read_lines(BytesIO("é".encode() * 5000 + b"\nshort\n" + b"x" * 5000))
    assert 20 < len(first) < 100
    assert second == "short\n"
    assert 20 < len(third) < 100
