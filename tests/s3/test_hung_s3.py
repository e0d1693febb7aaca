"""An S3 server that is stopped keeps its sockets open and says nothing: no check of a scenario waits for ever."""

import psutil
import pytest

from tailguard.s3.restartable import restartable_s3
from tailguard.suite.invariants import checked, expect
from tests.support.waiting import eventually

pytestmark = pytest.mark.system


def test_invariants_that_ask_a_stopped_server_are_left_in_time_and_do_not_hold():
    with restartable_s3() as s3:
        client = s3.server.client()
        client.put_object(Bucket=s3.server.bucket, Key="one", Body=b"1")

        def check():
            yield expect(
                "it reads", b"1", client.get_object(Bucket=s3.server.bucket, Key="one")["Body"].read()
            )
            server = psutil.Process(s3.watchdog._child.pid)
            server.suspend()
            assert eventually(lambda: server.status() == psutil.STATUS_STOPPED)  # the signal may be late
            yield expect(
                "it reads", b"1", client.get_object(Bucket=s3.server.bucket, Key="one")["Body"].read()
            )

        first, last = checked("upload", check, __file__, 1.0)
        client.close()
    assert first.held
    assert not last.held
    assert "left after 1 s (limits.check_s)" in last.observed
    assert "test_hung_s3.py" in last.observed
