"""Packed samples come back as they were; a file that broke on the way says so."""

import numpy as np
import pytest

from tailguard.record.samples import samples_from_rows
from tailguard.record.samples.pack import pack_samples, unpack_samples

ROWS = np.array([[1, 2, 3, 0], [4, 5, 6, 1 | 2 << 8 | 1 << 18]], np.int64)


def test_samples_come_back_as_they_were(tmp_path):
    packed = {
        "upload": samples_from_rows("upload", ("put", "read"), ("", "Zeitüberschreitung"), ROWS),
        "empty": samples_from_rows("empty", ("step",), ("",), ROWS[:0]),
    }
    pack_samples(tmp_path / "samples", packed)
    found = unpack_samples(tmp_path / "samples")
    assert list(found) == ["upload", "empty"]
    for slug, samples in packed.items():
        assert (found[slug].steps, found[slug].errors) == (samples.steps, samples.errors)
        assert found[slug].frame().equals(samples.frame())


@pytest.mark.parametrize("content", [b"", b"PK", b"half an archive"])
def test_a_file_that_broke_on_the_way_is_said(tmp_path, content):
    (tmp_path / "samples").write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        unpack_samples(tmp_path / "samples")
