"""Each format by its own example; what all have in common: packing, encodings, cut-off ends, hostile bytes."""

import codecs
import gzip
import io
import json
import os
import zipfile
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.formats.checked import Counted
from tailguard.formats.content import Options
from tailguard.formats.known import DOCUMENTS, HISTOGRAMS, LINES, TABLES, TEXTS
from tailguard.formats.read_latencies import read_latencies
from tests.support.each import each

ALL = [*TABLES, *LINES, *DOCUMENTS, *TEXTS, *HISTOGRAMS]


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.title)
def test_the_example_of_a_format_is_read_by_its_own_reader(tmp_path, form):
    path = tmp_path / "results"
    path.write_text(form.example, encoding="utf-8")
    found = read_latencies(path, form.options)
    values = found.values_ms if isinstance(found, Counted) else found.of().ok_ms
    assert sorted(set(values.tolist())) == pytest.approx(sorted(form.latencies_ms))


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.title)
def test_a_file_in_any_encoding_or_packed_says_the_same(tmp_path, form):
    """BOM, UTF-16, CRLF, gzip, zstd."""
    text = form.example
    variants = {
        "bom": codecs.BOM_UTF8 + text.encode(),
        "utf-16": text.encode("utf-16"),
        "crlf": text.replace("\n", "\r\n").encode(),
        "gzip": gzip.compress(text.encode()),
        "zstd": pa.compress(text.encode(), codec="zstd", asbytes=True),
    }
    path = tmp_path / "results"
    path.write_text(text, encoding="utf-8")
    expected = read_latencies(path, form.options)
    for variant, content in each(variants.items()):
        path.write_bytes(content)
        found = read_latencies(path, form.options)
        assert found.values_ms.tolist() == expected.values_ms.tolist(), variant


CSV = "timeStamp,elapsed,label,success\n1700000000000,5,a,true\n1700000000001,6,a,true\n"
POINT = '{"type":"Point","metric":"http_req_duration","data":{"time":"2026-01-01T00:00:0%dZ","value":5,"tags":{}}}\n'


@pytest.mark.parametrize(
    "text", [CSV + "17000000", POINT % 1 + POINT % 2 + '{"type":"Poi'], ids=["CSV", "JSON"]
)
def test_a_last_line_that_is_cut_off_is_left_out_and_said(tmp_path, text):
    path = tmp_path / "results"
    path.write_text(text, encoding="utf-8")
    found = read_latencies(path)
    assert len(found.values_ms) == 2
    assert any("is cut off" in note for note in found.notes)


def test_a_packed_file_that_ends_in_its_midst_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "results.json.gz"
    packed = gzip.compress("".join(POINT % (i % 9) for i in range(20_000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    found = read_latencies(path)
    assert 0 < len(found.values_ms) < 20_000
    assert any("ends in its midst" in note for note in found.notes)


@pytest.mark.parametrize(
    ("stamp", "readable"),
    [
        ("2026/01/13 10:00:0{}", True),
        ("13/01/2026 10:00:0{}.123", True),
        ("01/13/2026 10:00:0{}.123", True),
        ("13.01.2026 10:00:0{},5", True),
        ("2026-01-13T10:00:0{}+02:00", True),
        ("yesterday {}", False),
    ],
)
def test_stamps_in_the_forms_of_many_countries_give_an_order(tmp_path, stamp, readable):
    path = tmp_path / "results.jtl"
    rows = [f"{stamp.format(second)};{second};a;true" for second in (3, 1, 2)]
    path.write_text("\n".join(["timeStamp;elapsed;label;success", *rows, ""]), encoding="utf-8")
    if not readable:
        with pytest.raises(UsageError, match="timestamp_format=ms"):
            read_latencies(path)
        return
    assert read_latencies(path).of().ok_ms.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n_ms\n" + "\n".join(map(str, range(100))), "a counter or a clock"),
        ("start_ms\n" + "\n".join(str(1_700_000_000_000 + i * i) for i in range(100)), "a time stamp"),
        ("start_s\n" + "\n".join(str(1_700_000_000 + i * i) for i in range(100)), "a time stamp"),
        ("latency\n5\n6\n", "add --unit"),
        ("a_ms,b_ms\n1,2\n", "Name one with --column: a_ms, b_ms. Its first row is: 1,2"),
        ("latency_ms;x\n1,234;1\n", "may have a decimal comma or one of thousands"),
        ("Zeit in Monaten\n5\n", "add --unit"),
        ("latency_ms\n" + "x" * 200 + "\n", "is not a latency"),
        ('latency_ms,url\n1,"unfinished\n', "a quotation mark in it has no other"),
        ('{\n "type": "Point"\n}\n{\n "type": "Point"\n}\n', "jq -c"),
        ('{"type":"Metric","metric":"vus","data":{}}\n', "metric 'http_req_duration' has no samples"),
        ('[{"name":"a p95","unit":"ms","value":1}]', "github-action-benchmark"),
        ('{"registration":{"latency-p95":{"value":1}}}', "a file of Bencher"),
        ('{"benchmarks":[{"fullname":"a","stats":{"mean":1}}]}', "--benchmark-save-data"),
        ('{"metrics":{}}', "a summary of k6"),
        ("Value(ms)  Percentile\n", "vegeta's plot"),
        ("1 2\n3 4\n", "it has no header and 2 columns"),
        ("12 ms\n13 ms\n", "row 1: '12 ms'"),
        ("latency_ms,url,url\n1,2,3\n", "two columns are named 'url'"),
        ("timeStamp,elapsed,success,SampleCount\n1,9000,true,100\n", "rows that sum up 100 samples"),
    ],
)
def test_what_is_not_a_file_of_latencies_is_told_with_a_way_on(tmp_path, text, said):
    path = tmp_path / "results"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read_latencies(path)
    assert said in str(error.value)


def test_text_of_another_code_page_is_told_with_its_line(tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes("Größe;Antwortzeit_ms\n1;5\n".encode("cp1252"))
    with pytest.raises(UsageError, match="line 1 is not UTF-8; save the file as UTF-8"):
        read_latencies(path)


@pytest.mark.parametrize(
    ("column", "words", "failed"),
    [
        ("status", ["200", "200 OK", "HTTP 204", "301.0", "ok", "2xx", "0", "503", "KO", "timeout", ""], 5),
        ("error", ["", "null", "None", "false", "0", "refused", "EOF"], 2),
        ("Success", ["true", "True", "1", "false", "0", ""], 3),
        ("is_fine", ["no"], 0),
    ],
)
def test_a_column_that_says_who_failed_is_read_by_its_words(tmp_path, column, words, failed):
    path = tmp_path / "results.csv"
    path.write_text("\n".join([f"latency_ms,{column}", *(f"5,{word}" for word in words), ""]))
    found = read_latencies(path)
    assert found.of().failures == failed
    assert any("does not say which requests failed" in note for note in found.notes) == (column == "is_fine")


def test_a_status_of_0_is_a_success_of_grpc_alone(tmp_path):
    path = tmp_path / "results.csv"
    rows = [
        f"{metric},1,5,{status}" for metric in ("grpc_req_duration", "http_req_duration") for status in (0, 2)
    ]
    path.write_text("\n".join(["metric_name,timestamp,metric_value,status", *rows, ""]))
    assert read_latencies(path, Options(column="grpc_req_duration")).failed.tolist() == [False, True]
    assert read_latencies(path).failed.tolist() == [True, False]


def test_sorted_latencies_have_lost_their_order_and_a_constant_is_not_sorted(tmp_path):
    for values, ordered in ((np.sort(np.random.default_rng(1).random(50)), False), (np.ones(50), True)):
        path = tmp_path / "results.csv"
        np.savetxt(path, values, header="rt_ms", comments="")
        assert read_latencies(path).ordered is ordered


def test_names_and_scenarios_of_k6_are_kept_apart(tmp_path):
    path = tmp_path / "results.csv"
    rows = [f"http_req_duration,{i},5,{who},GET,/cart,200" for i, who in enumerate(["a", "b"] * 3)]
    path.write_text("\n".join(["metric_name,timestamp,metric_value,scenario,method,name,status", *rows, ""]))
    assert read_latencies(path).labels == ("a: GET /cart", "b: GET /cart")


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "pipe", "a pipe"), ("/dev/zero", "a device"), (tmp_path, "a folder")):
        with pytest.raises(UsageError, match=said):
            read_latencies(path)


def _npy(shape: str, kind: str = "<f8") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"\0" * 80


def test_an_array_whose_header_lies_is_refused_before_its_memory_is_asked_for(tmp_path):
    lying = _npy("(1000000000000,)")
    (tmp_path / "a.npy").write_bytes(lying)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("latency_ms.npy", lying)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UsageError, match="more than the file has"):
            read_latencies(tmp_path / name)


def test_a_pickle_is_never_loaded(tmp_path):
    (tmp_path / "a.npy").write_bytes(_npy("(10,)", "|O"))
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x95\x05")
    for name, said in (("a.npy", "Python objects"), ("a.pkl", "a pickle")):
        with pytest.raises(UsageError, match=said):
            read_latencies(tmp_path / name)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, '{"a":1}\n' + '{"a":' * 200_000 + "\n"])
def test_json_nested_without_end_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UsageError, match="JSON"):
        read_latencies(tmp_path / "a.json")


TOLD = {0, 99, 75, 65, 64}


def code_of(path, *options) -> int:
    """Judge it as the command line does; 70 would be Tailguard's fault."""
    objectives = ["--objective", "p95<=1s", "--objective", "error rate < 1%"]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return run_cli(["judge", str(path), "--name", "*", *objectives, *options])


HEADS = [b"", *[form.example[:60].encode() for form in ALL], b"PAR1", b"\x93NUMPY\x01\x00", b"PK\x03\x04"]
HEADS += [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", codecs.BOM_UTF16_LE, b"[", b'{"', b"latency_ms,code\n"]


@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=300), skip=st.booleans())
def test_no_bytes_whatever_are_our_own_fault(tmp_path_factory, head, rest, skip):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(head + rest)
    assert code_of(path, *(["--skip-bad-rows"] if skip else ["--unit", "ms"])) in TOLD


@pytest.mark.system
@given(
    form=st.sampled_from(ALL),
    cut=st.integers(0, 400),
    put=st.text(alphabet='0,;\t"\n{}[]:-.é\0', max_size=4),
    skip=st.booleans(),
)
def test_no_damage_to_a_known_file_is_our_own_fault(tmp_path_factory, form, cut, put, skip):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_text(form.example[:cut] + put + form.example[cut + 1 :], encoding="utf-8")
    assert code_of(path, *(["--skip-bad-rows"] if skip else [])) in TOLD


def test_zip_archives_without_arrays_are_named(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", json.dumps([1]))
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    with pytest.raises(UsageError, match="without arrays"):
        read_latencies(tmp_path / "a.zip")
