"""A read that falls back fails on S3 first; a read that S3 answered is not one."""

import numpy as np

from perf.cutover.fallback import Fallback
from tailguard.record.samples import samples_from_rows


def test_a_read_that_s3_answered_is_no_fallback():
    """The guard of the step: if S3 has lost nothing, its invariant breaks."""

    class Platform:
        count = 0

        def download_certificate(self, _):
            return b""

        def fallback_reads(self):
            return self.count

    platform = Platform()
    fallback = Fallback(((1, ""),), platform)
    samples = samples_from_rows("certificate_upload", ("fallback_read",), ("",), np.zeros((3, 4), np.int64))
    assert not fallback.each_fell_back(samples).held
    platform.count = 3
    assert fallback.each_fell_back(samples).held
