"""The servers of a run in the process that opens them: each is started when a fixture first asks for it."""

import logging
from contextlib import ExitStack
from typing import Self

from tailguard.config.merge import Config
from tailguard.faults.s3_switches import S3Switches, open_switched_s3
from tailguard.postgres.copies.filling import OwnDatabase
from tailguard.postgres.database import Database, open_database, schema_alone
from tailguard.postgres.location import ANSWER_WITHIN_S
from tailguard.postgres.settings import postgres_record
from tailguard.record.environment import Placement, PostgresServer
from tailguard.record.environment import S3Server as S3Record
from tailguard.s3.address import S3Server, s3_record

log = logging.getLogger(__name__)


class Parts:
    """A context manager; at its end all servers that it started are gone.

    Attributes:
        own: the database made for this run, None if there is none.
        database, s3: None until a fixture asks for it.
        s3_switches: None if S3 is not open, or no fault of it is ordered.
        postgres_record, s3_record: what the run's environment says of them.
    """

    def __init__(self, config: Config, placement: Placement, own: OwnDatabase | None = None) -> None:
        self.database: Database | None = None
        self.s3: S3Server | None = None
        self.s3_switches: S3Switches | None = None
        self.postgres_record: PostgresServer | None = None
        self.s3_record: S3Record | None = None
        self.own = own
        self._config, self._cpus = config, placement.server
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open_database(self) -> Database:
        """Return the configured PostgreSQL, or an embedded one. Raises DatabaseError if it cannot be used."""
        if self.database is None:
            self.database = self._opened_database()
            with self.database.connect(answer_within_s=ANSWER_WITHIN_S) as connection:
                self.postgres_record = postgres_record(connection, self.database.source)
        return self.database

    def _opened_database(self) -> Database:
        options = self._config.database
        if self.own is not None:
            return schema_alone(self.own.conninfo, options.schema, exists=self.own.filled)
        log.info("starting PostgreSQL")
        return self._stack.enter_context(
            open_database(
                options.dsn or None,
                binaries=options.binaries or None,
                schema=options.schema or None,
                cpus=self._cpus,
            )
        )

    def open_s3(self) -> S3Server:
        """Return the configured S3, or an embedded one; behind switches if faults of it are ordered.

        Raises UsageError if it cannot be used.
        """
        if self.s3 is None:
            # A suite without S3 needs no boto3.
            from tailguard.s3.server import open_s3  # noqa: PLC0415

            log.info("starting S3")
            options = self._config.s3
            if any(fault.startswith("s3_") for fault in self._config.chaos.faults):
                self.s3_switches = self._stack.enter_context(open_switched_s3(self._config, self._cpus))
                self.s3 = self.s3_switches.server
            else:
                self.s3 = self._stack.enter_context(
                    open_s3(
                        options.endpoint or None,
                        options.bucket or None,
                        options.region or None,
                        cpus=self._cpus,
                    )
                )
            self.s3_record = s3_record(self.s3)
        return self.s3
