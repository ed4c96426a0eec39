import io
import itertools
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.sagemaker.transform.data import DataProcessing, Record, TransformDataError, batches, split

JSON_LINES = "application/jsonlines"
LINES = st.lists(st.binary().map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"") + b"."), max_size=20)
ROWS = st.lists(st.fixed_dictionaries({"id": st.text(), "instance": st.integers() | st.text()}), max_size=12)


def _recordio(body: bytes, part: int = 0) -> bytes:
    return struct.pack("<II", 0xCED7230A, part << 29 | len(body)) + body + b"\0" * (-len(body) % 4)


def _processing(
    *, split_type: str = "Line", content_type: str = JSON_LINES, accept: str | None = JSON_LINES, **processing: str
) -> DataProcessing:
    output = {"AssembleWith": "Line", **({"Accept": accept} if accept else {})}
    return DataProcessing({"SplitType": split_type, "ContentType": content_type}, output, processing)


def _through(processing: DataProcessing, body: bytes, largest_bytes: int | None = None, single: bool = False) -> bytes:
    """Transform an object with a container that wraps each line in a JSON object."""
    records = (processing.record(record) for record in split(io.BytesIO(body), processing.split_type))
    outputs = []
    for batch in batches(records, separator=processing.separator, largest_bytes=largest_bytes, single=single):
        request = processing.separator.join(record.sent for record in batch)
        answer = b"".join(b'{"echo": ' + line + b"}\n" for line in request.split(b"\n"))
        outputs.append(processing.outputs(batch, answer))
    return b"".join(outputs)


@given(LINES)
def test_lines_are_records(lines: list[bytes]) -> None:
    assert list(split(io.BytesIO(b"\n".join(lines)), "Line")) == lines
    assert list(split(io.BytesIO(b"".join(line + b"\r\n\n" for line in lines)), "Line")) == lines


@given(st.binary())
def test_whole_object_is_one_record(body: bytes) -> None:
    assert list(split(io.BytesIO(body), "None")) == [body]


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_recordio_is_split_into_its_records(bodies: list[bytes]) -> None:
    records = [_recordio(body) for body in bodies]
    assert list(split(io.BytesIO(b"".join(records)), "RecordIO")) == records


def test_parts_of_a_recordio_record_are_joined() -> None:
    whole = _recordio(b"abc", 1) + _recordio(b"d", 2) + _recordio(b"ef", 3)
    assert list(split(io.BytesIO(whole + _recordio(b"g")), "RecordIO")) == [whole, _recordio(b"g")]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"not RecordIO", "is not RecordIO"),
        (_recordio(b"abcdefgh")[:-6], "ends within a record"),
        (_recordio(b"abc", 1), "ends within a record"),
    ],
)
def test_broken_recordio_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(TransformDataError, match=complaint):
        list(split(io.BytesIO(body), "RecordIO"))


@given(LINES, st.integers(1, 40), st.booleans())
def test_batches_hold_all_records_in_order_and_no_more_bytes_than_allowed(
    lines: list[bytes], largest: int, single: bool
) -> None:
    records = [Record(line, line) for line in lines if len(line) <= largest]
    made = list(batches(records, separator=b"\n", largest_bytes=largest, single=single))
    assert [record for batch in made for record in batch] == records
    payloads = [b"\n".join(record.sent for record in batch) for batch in made]
    assert all(len(payload) <= largest for payload in payloads)
    assert not single or all(len(batch) == 1 for batch in made)
    for first, second in itertools.pairwise(made):
        assert single or len(b"\n".join(record.sent for record in [*first, second[0]])) > largest


def test_record_above_the_payload_limit_is_an_error() -> None:
    with pytest.raises(TransformDataError, match="A record has 11 bytes; MaxPayloadInMB allows a request of 10 bytes"):
        list(batches([Record(b"", b"x" * 11)], separator=b"\n", largest_bytes=10, single=False))


@given(ROWS, st.integers(100, 400), st.booleans())
def test_outputs_are_joined_to_their_records(rows: list[dict[str, Any]], largest: int, single: bool) -> None:
    rows = [row for row in rows if len(json.dumps(row)) < 100]
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    processing = _processing(InputFilter="$.instance", JoinSource="Input", OutputFilter="$['id','SageMakerOutput']")
    lines = _through(processing, body, largest, single).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": row["id"], "SageMakerOutput": {"echo": row["instance"]}} for row in rows
    ]


def test_records_other_than_objects_are_joined_next_to_their_output() -> None:
    assert _through(_processing(JoinSource="Input"), b"[1]\n") == (
        b'{"SageMakerInput":[1],"SageMakerOutput":{"echo":[1]}}\n'
    )


def test_rows_of_csv_are_joined_by_columns() -> None:
    processing = _processing(
        content_type="text/csv", accept="text/csv", InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-1]"
    )
    records = [processing.record(line) for line in (b'"a,b",1,2', b"c,3,4")]
    assert [record.sent for record in records] == [b"1,2", b"3,4"]
    assert processing.outputs(records, b"0.5,0.25\n0.1,0.2\n") == b'"a,b",0.25\nc,0.2\n'


def test_outputs_are_written_unchanged_without_a_join() -> None:
    processing = _processing(accept="application/json")
    batch = [processing.record(b"1"), processing.record(b"2")]
    assert processing.outputs(batch, b'{"predictions": [1, 2]}') == b'{"predictions": [1, 2]}\n'
    assert processing.outputs(batch, b'{"predictions": [1, 2]}\n') == b'{"predictions": [1, 2]}\n'
    unassembled = DataProcessing({"SplitType": "RecordIO"}, {}, None)
    assert unassembled.outputs([unassembled.record(b"x")], b"y\n") == b"y\n"


def test_output_with_another_number_of_lines_is_an_error() -> None:
    processing = _processing(JoinSource="Input")
    batch = [processing.record(b"1"), processing.record(b"2")]
    with pytest.raises(TransformDataError, match="answered 2 records with 1 lines"):
        processing.outputs(batch, b'{"predictions": [1, 2]}')


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"split_type": "TFRecord"}, "SplitType TFRecord is not supported"),
        ({"content_type": "text/csv", "JoinSource": "Input"}, "both CSV, or both JSON or JSON Lines"),
        ({"content_type": "application/x-recordio-protobuf", "JoinSource": "Input"}, "both CSV, or both JSON"),
        ({"content_type": "text/plain", "accept": None, "InputFilter": "$.x"}, "InputFilter needs records"),
        ({"OutputFilter": "id"}, r"must begin with \$"),
    ],
)
def test_contradictory_requests_are_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(TransformDataError, match=complaint):
        _processing(**options)


@pytest.mark.parametrize("record", [b"{", b"\xff", b'{"other": 1}'])
def test_record_that_does_not_fit_the_filter_is_an_error(record: bytes) -> None:
    with pytest.raises(TransformDataError):
        _processing(InputFilter="$.instance").record(record)
