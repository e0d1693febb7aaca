"""Wallets over HTTP. All of it is an addition: on the real platform a transfer is a Python service without a route."""

from dataclasses import asdict

from reference.errors import Forbidden, NotFound
from reference.histories import MOST, WALLET_PAGE
from reference.platform import DeltaCrown
from reference.transfers import MAX_KEY
from reference.web.fields import AMOUNT, BOOLEAN, ID, INTEGER, STRING, STRING_OR_NULL, TIME, listed, text
from reference.web.operation import Call, Operation, Reply, object_of

# In this reference a wallet's profile has its user's id.
_OWNER = "SELECT profile_id FROM economy_deltacrownwallet WHERE id = $1"


def transfer(platform: DeltaCrown, call: Call) -> Reply:
    """Move coins from the caller's wallet: 201 the first time, 200 where the key is repeated."""
    body = call.body
    _permit(platform, call, body["from_wallet"])
    moved = platform.transfer(
        body["from_wallet"],
        body["to_wallet"],
        body["amount"],
        body["idempotency_key"],
        body.get("reason", "p2p"),
    )
    shown = asdict(moved)
    shown["idempotency_key"] = shown.pop("key")
    return Reply(200 if moved.replayed else 201, shown)


def history(platform: DeltaCrown, call: Call) -> Reply:
    """A page of the caller's ledger, newest first."""
    wallet_id = call.path["wallet_id"]
    _permit(platform, call, wallet_id)
    page = platform.wallet_history(wallet_id, call.query.get("cursor"), call.query.get("limit", WALLET_PAGE))
    return Reply(200, {"results": [asdict(row) for row in page.rows], "next_cursor": page.next_cursor})


def _permit(platform: DeltaCrown, call: Call, wallet_id: int) -> None:
    """Raise NotFound or Forbidden where the wallet is not the caller's to use."""
    if call.user.is_staff:
        return
    with platform.database.connection() as connection:
        row = connection.row(_OWNER, wallet_id)
    if row is None:
        raise NotFound(f"there is no wallet {wallet_id}")
    if row[0] != call.user.user_id:
        raise Forbidden(f"wallet {wallet_id} belongs to somebody else")


TRANSFER = object_of(
    {
        **dict.fromkeys(("from_wallet", "to_wallet", "amount", "from_balance", "to_balance"), INTEGER),
        **dict.fromkeys(("debit_id", "credit_id", "retries"), INTEGER),
        "idempotency_key": STRING,
        "replayed": BOOLEAN,
    }
)
ENTRY = object_of(
    {
        "id": INTEGER,
        "created": TIME,
        "amount": INTEGER,
        "balance_after": INTEGER,
        "reason": STRING,
        "note": STRING,
    }
)
PAGE_QUERY = {"cursor": STRING, "limit": {"type": "integer", "minimum": 1, "maximum": MOST}}

OPERATIONS = (
    Operation(
        "POST",
        "/api/economy/transfers/",
        "Move coins between two wallets, once per key",
        transfer,
        (201, TRANSFER),
        also={200: "the key was used for this very transfer: its first result again"},
        refusals={
            400: "a wrong field, the same wallet twice, or too few coins (INSUFFICIENT_FUNDS)",
            403: "somebody else's wallet",
            404: "no such wallet",
            409: "the key was used for another transfer (IDEMPOTENCY_CONFLICT)",
            503: "retries used up (RETRIES_EXHAUSTED)",
        },
        body=object_of(
            {"from_wallet": ID, "to_wallet": ID, "amount": AMOUNT, "idempotency_key": text(MAX_KEY, 1)},
            {"reason": text(32, 1)},
        ),
        addition=True,
    ),
    Operation(
        "GET",
        "/api/economy/wallets/{wallet_id:int}/transactions/",
        "A wallet's ledger, newest first",
        history,
        (200, object_of({"results": listed(ENTRY), "next_cursor": STRING_OR_NULL})),
        refusals={
            400: "a cursor or limit that is not ours",
            403: "somebody else's wallet",
            404: "no such wallet",
        },
        query=PAGE_QUERY,
        addition=True,
    ),
)
