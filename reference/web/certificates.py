"""Certificates over HTTP: download and verify as on the real platform; upload and presigned link are additions."""

from typing import Any

from reference.certificates import CONTENT_TYPE, KINDS, URL_EXPIRES_S, CertificateRecord
from reference.errors import Forbidden, NotFound
from reference.platform import DeltaCrown
from reference.web.fields import BOOLEAN, INTEGER, INTEGER_OR_NULL, STRING, STRING_OR_NULL, TIME
from reference.web.operation import Call, Operation, Reply, object_of

_AWARD = """
SELECT r.user_id, t.organizer_id, t.name, u.username
FROM tournaments_registration r JOIN tournaments_tournament t ON t.id = r.tournament_id
LEFT JOIN accounts_user u ON u.id = r.user_id WHERE r.id = $1
"""
PLACEMENTS = {"winner": 1, "runner_up": 2, "third_place": 3}


def download(platform: DeltaCrown, call: Call) -> Reply:
    """The certificate itself, for its owner, the organiser or staff."""
    certificate_id = call.path["certificate_id"]
    _permit(platform, call, platform.certificates.find(certificate_id).registration_id)
    record, body = platform.certificates.download(certificate_id)
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Disposition": f'attachment; filename="certificate-{record.code}.svg"',
        "ETag": f'"{record.sha256}"',
        "Cache-Control": "private, max-age=300",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",  # an SVG may carry a script: never in our origin
    }
    return Reply(200, body, headers)


def verify(platform: DeltaCrown, call: Call) -> Reply:
    """What a stranger with the code may know; 200 also where the certificate is not valid."""
    record, is_tampered = platform.certificates.verify(call.path["code"])
    *_, tournament, username = _award(platform, record.registration_id)
    return Reply(200, _verified(record, tournament, username or "", is_tampered=is_tampered))


def upload(platform: DeltaCrown, call: Call) -> Reply:
    """Store a rendered certificate."""
    registration_id = call.path["registration_id"]
    _permit(platform, call, registration_id)
    kind = call.query.get("certificate_type", "participant")
    certificate = platform.upload_certificate(registration_id, call.body, kind)
    fields = ("id", "key", "sha256", "code", "retries")
    return Reply(201, {name: getattr(certificate, name) for name in fields})


def presign(platform: DeltaCrown, call: Call) -> Reply:
    """A link that reads the object from storage, without our credentials and for a while."""
    certificate_id = call.path["certificate_id"]
    _permit(platform, call, platform.certificates.find(certificate_id).registration_id)
    url = platform.certificate_url(certificate_id)
    return Reply(200, {"url": url, "expires_in": URL_EXPIRES_S}, {"Cache-Control": "no-store"})


def _verified(record: CertificateRecord, tournament: str, name: str, *, is_tampered: bool) -> dict[str, Any]:
    revoked = record.revoked_at is not None
    return {
        "valid": not (revoked or is_tampered),
        "certificate_id": record.id,
        "tournament": tournament,
        "participant_display_name": name,
        "certificate_type": record.kind,
        "placement": PLACEMENTS.get(record.kind),
        "generated_at": record.generated_at,
        "revoked": revoked,
        "revoked_reason": record.revoked_reason or None,
        "is_tampered": is_tampered,
    }


def _permit(platform: DeltaCrown, call: Call, registration_id: int) -> None:
    owner_id, organizer_id, *_ = _award(platform, registration_id)
    if not call.user.is_staff and call.user.user_id not in (owner_id, organizer_id):
        raise Forbidden("only the participant, the organiser or staff may do this")


def _award(platform: DeltaCrown, registration_id: int) -> tuple[Any, ...]:
    """Owner, organiser, tournament's name and owner's name of a registration. Raises NotFound."""
    with platform.database.connection() as connection:
        row = connection.row(_AWARD, registration_id)
    if row is None:
        raise NotFound(f"there is no registration {registration_id}")
    return row


VERIFIED = object_of(
    {
        "valid": BOOLEAN,
        "certificate_id": INTEGER,
        "tournament": STRING,
        "participant_display_name": STRING,
        "certificate_type": STRING,
        "placement": INTEGER_OR_NULL,
        "generated_at": TIME,
        "revoked": BOOLEAN,
        "revoked_reason": STRING_OR_NULL,
        "is_tampered": BOOLEAN,
    }
)
UPLOADED = object_of({"id": INTEGER, "key": STRING, "sha256": STRING, "code": STRING, "retries": INTEGER})
REFUSALS = {
    403: "only the participant, the organiser or staff",
    404: "no such certificate",
    410: "revoked",
    503: "the storage is not available",
}

OPERATIONS = (
    Operation(
        "GET",
        "/api/tournaments/certificates/{certificate_id:int}/",
        "Download a certificate (SVG here, PDF on the real platform)",
        download,
        (200, {}),
        refusals=REFUSALS,
        gives_file=CONTENT_TYPE,
    ),
    Operation(
        "GET",
        "/api/tournaments/certificates/verify/{code:uuid}/",
        "Verify a certificate by its code",
        verify,
        (200, VERIFIED),
        refusals={404: "no such certificate", 503: "the storage is not available"},
        audience="public",
        scope="anon",
    ),
    Operation(
        "POST",
        "/api/tournaments/registrations/{registration_id:int}/certificate/",
        "Store a rendered certificate of a completed tournament",
        upload,
        (201, UPLOADED),
        refusals={
            400: "another kind, an empty body, or a tournament that is not completed",
            403: "only the participant, the organiser or staff",
            404: "no such registration",
            409: "issued already (ALREADY_ISSUED)",
            503: "the storage is not available",
        },
        query={"certificate_type": {"type": "string", "enum": list(KINDS)}},
        takes_file=CONTENT_TYPE,
        addition=True,
    ),
    Operation(
        "GET",
        "/api/tournaments/certificates/{certificate_id:int}/url/",
        "A presigned link to a certificate",
        presign,
        (200, object_of({"url": STRING, "expires_in": INTEGER})),
        refusals=REFUSALS,
        addition=True,
    ),
)
