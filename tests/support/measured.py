"""What a scenario measured, for an outbox to send, without a scenario."""

from tailguard.engine.recorder import ErrorKinds, Recorder


class Measured:
    """One recorder's samples."""

    def __init__(self, steps):
        self.steps, self.recorder, self.errors, self.metrics = steps, Recorder(), ErrorKinds(), ()

    def drain(self):
        return self.recorder.drain()
