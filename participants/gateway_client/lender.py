"""What a lender's node asks the gateway: a question as bytes, an answer as domain values, its receipt checked."""

from collections.abc import Callable

from consortium.model.receipts import Receipt, Subject, check_receipt
from consortium.model.rounds import Transcript, with_tables
from consortium.model.rulebook import Role, Rulebook
from consortium.wire.queries import signed_query_from_bytes
from consortium.wire.rounds import transcript_from_bytes
from participants.gateway_client.asking import AskClient


async def ask_gateway(
    client: AskClient,
    request_id: bytes,
    query: bytes,
    seconds: float,
    rulebook: Rulebook,
    keep: Callable[[Receipt, Subject], None] = lambda _receipt, _subject: None,
) -> tuple[Transcript, Receipt]:
    """
    Ask and give transcript and receipt, which `keep` is told of as soon as it is verified.

    Raises as `AskClient.ask`, or SIGNATURE_INVALID for a false receipt.
    """
    answered = await client.ask(request_id, query, seconds)
    subject = Subject(signed_query_from_bytes(query).digest, answered.transcript)
    check_receipt(answered.receipt, gateway_key(rulebook), subject)
    keep(answered.receipt, subject)
    return with_tables(transcript_from_bytes(answered.transcript), answered.tables), answered.receipt


def gateway_key(rulebook: Rulebook) -> bytes:
    """Give the identity key that the rulebook pins for the gateway."""
    return next(member.identity_key for member in rulebook.document.members if member.role is Role.GATEWAY)
