"""A small legacy platform: certificates on the local disk with their rows, none of them on S3 yet."""

import hashlib
import random
import uuid

import psycopg

TABLE = "tournament_engine_certificate_certificate"
NAMES = ("Curaçao", "東京", "Δ", "🏆")


def legacy(conninfo, seeded, local, count, *, size=600):
    """Store `count` certificates as the platform does before the cut-over; return {key: sha256}."""
    made = {}
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "SELECT tournament_id FROM tournaments_registration WHERE id = %s", (seeded.awards[0],)
        )
        tournament = row.fetchone()[0]
        rows = []
        for number in range(count):
            body = f"<svg>{NAMES[number % len(NAMES)]} {number}</svg>".encode()
            body += random.Random(number).randbytes(max(size - len(body), 0))
            code, sha256 = uuid.uuid4(), hashlib.sha256(body).hexdigest()
            key = f"certificates/{tournament}/{number}/{code}.svg"
            local.save(key, body, durable=False)
            made[key] = sha256
            # Revoked, so that one registration may have any number of them.
            rows.append((tournament, seeded.awards[0], "participant", key, len(body), code, sha256))
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {TABLE} (tournament_id, participant_id, certificate_type, file_image, file_bytes,"
                " verification_code, certificate_hash, revoked_at) VALUES (%s, %s, %s, %s, %s, %s, %s, now())",
                rows,
            )
    return made


def marked(conninfo):
    """How many rows say that S3 has their object."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            f"SELECT count(*) FROM {TABLE} WHERE migrated_to_s3_at IS NOT NULL"
        ).fetchone()[0]


def clear(conninfo):
    """Remove all rows."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(f"DELETE FROM {TABLE}")


def revoke(conninfo, certificate_id, reason):
    """Revoke a certificate, as an administrator does."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            f"UPDATE {TABLE} SET revoked_at = now(), revoked_reason = %s WHERE id = %s",
            (reason, certificate_id),
        )
