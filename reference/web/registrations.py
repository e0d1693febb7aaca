"""Joining a tournament over HTTP."""

from typing import Any

from reference.errors import Invalid, NotFound
from reference.platform import DeltaCrown
from reference.registrations import FREE, Payment, Registration
from reference.web.fields import AMOUNT, ID, INTEGER, INTEGER_OR_NULL, STRING, TIME, text
from reference.web.operation import Call, Operation, Reply, object_of

PAYMENT_BODY = object_of(
    {"method": text(16, 1), "transaction_id": text(64, 1), "amount_bdt": AMOUNT},
    {"payer_account_number": text(32)},
)
PAYMENT = object_of(
    {
        "id": INTEGER,
        "method": STRING,
        "transaction_id": STRING,
        "payer_account_number": STRING,
        "amount_bdt": INTEGER,
        "status": STRING,
    }
)


def register_solo(platform: DeltaCrown, call: Call) -> Reply:
    """Enter the caller."""
    tournament_id = call.body["tournament_id"]
    try:
        registration = platform.register(tournament_id, call.user.user_id, _payment(call.body.get("payment")))
    except NotFound as error:
        raise Invalid(str(error)) from None  # the contract: an unknown tournament is a wrong field, not a 404
    return Reply(201, _shown(registration))


def _payment(stated: dict[str, Any] | None) -> Payment:
    if stated is None:
        return FREE
    return Payment(**{name: stated[name] for name in PAYMENT_BODY["properties"] if name in stated})


def _shown(registration: Registration) -> dict[str, object]:
    payment = registration.payment
    return {
        "id": registration.id,
        "tournament": registration.tournament_id,
        "user": registration.user_id,
        "team_id": None,
        "status": registration.status,
        "created_at": registration.created_at,
        "payment_verification": {
            "id": registration.payment_id,
            "method": payment.method,
            "transaction_id": payment.transaction_id,
            "payer_account_number": payment.payer_account_number,
            "amount_bdt": payment.amount_bdt,
            "status": "pending",
        },
    }


OPERATIONS = (
    Operation(
        "POST",
        "/api/tournaments/registrations/solo/",
        "Join a tournament",
        register_solo,
        (
            201,
            object_of(
                {
                    "id": INTEGER,
                    "tournament": INTEGER,
                    "user": INTEGER,
                    "team_id": INTEGER_OR_NULL,
                    "status": STRING,
                    "created_at": TIME,
                    "payment_verification": PAYMENT,
                }
            ),
        ),
        refusals={
            400: "a wrong field, an unknown tournament, not open (NOT_OPEN), already registered (ALREADY_REGISTERED)",
            409: "the tournament is full (TOURNAMENT_FULL), or a unique value collided in a race",
        },
        body=object_of({"tournament_id": ID}, {"payment": PAYMENT_BODY}),
        scope="registration_write",
    ),
)
