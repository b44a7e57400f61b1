"""Nothing prints: no repr, exception or log shows an identifier, key, tag or number; nor do the gateway's bytes."""

import gc
import logging
import traceback
from collections.abc import Iterator

import pytest

from consortium.errors import CreditError
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.sealing.payload import SubjectTags, open_payload
from consortium.wire.queries import signed_query_to_bytes
from consortium.wire.rounds import transcript_to_bytes
from tests.support.leaks import leaks
from tests.support.world import ALICE, LENDERS, World, tradeline

BALANCE = 987_654_321
PACKAGES = ("consortium.", "gateway.", "participants.", "demo.")
Named = tuple[str, bytes | str | int]


def secrets_of(world: World, subject: SubjectTags) -> list[Named]:
    lenders = world.foundation.secrets
    found: list[Named] = [("identifier", ALICE.text), ("normalised", "+86" + ALICE.text), ("balance", BALANCE)]
    found += [("tag", subject.tags[1].value), ("opening", subject.opening)]
    found += [("subject key", key.value) for key in subject.keys if key]
    found += [("pre-hash", lenders.pre_hash_secret), ("tag key", lenders.tag_key), ("sealing", lenders.sealing_key)]
    for member in LENDERS:
        found.append(("audit secret", world.nodes[member].contributor.identity.audit_secret.value))
    return found


@pytest.fixture
def asked(world: World) -> tuple[World, SubjectTags]:
    subject = world.subject(ALICE)
    world.hold("lender-b", subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(BALANCE),)))
    return world, subject


def our_objects() -> Iterator[object]:
    for thing in gc.get_objects():
        if str(type(thing).__module__).startswith(PACKAGES):
            yield thing


def test_no_object_of_ours_prints_a_secret(asked: tuple[World, SubjectTags]) -> None:
    world, subject = asked
    query = world.query(subject)
    transcript = world.transcript(query)
    result = world.nodes["lender-a"].conclude(query, transcript)
    secrets = secrets_of(world, subject)
    assert result.attributes[0].total == BALANCE, "the number must be there to be hidden"
    payload = open_payload(query.payload, world.foundation.secrets.sealing_key, query.header_digest)
    assert payload.tags == subject.tags
    kinds = set()
    for thing in our_objects():
        kinds.add(type(thing).__name__)
        text = f"{thing!r} {thing!s} {thing:}".encode()
        assert not leaks(text, secrets), type(thing).__name__
    assert {"SubjectTag", "SubjectKey", "CreditFile", "Payload", "QueryResult", "LenderNode", "SecretKey"} <= kinds


def test_exceptions_show_no_secret(asked: tuple[World, SubjectTags], caplog: pytest.LogCaptureFixture) -> None:
    world, subject = asked
    caplog.set_level(logging.DEBUG)
    secrets = secrets_of(world, subject)
    shown = []
    for attempt in (
        lambda: world.ask(subject, attributes=("unknown_one",)),
        lambda: world.ask(subject, consent=world.consent(world.subject(ALICE))),
        lambda: world.ask(subject, issued_at=world.now - 9999),
        lambda: world.nodes["lender-a"].contributor.round1(b"\x00\x01", world.now),
    ):
        try:
            attempt()
        except CreditError as error:
            shown.append("".join(traceback.format_exception(error)))
    assert len(shown) == 4
    assert not leaks("\n".join(shown).encode() + caplog.text.encode(), secrets)


def test_what_reaches_the_gateway_holds_no_secret(asked: tuple[World, SubjectTags]) -> None:
    """Query, every signed message and the product, as the gateway has them."""
    world, subject = asked
    query = world.query(subject)
    transcript = world.transcript(query)
    seen = signed_query_to_bytes(query) + transcript_to_bytes(transcript)
    secrets = secrets_of(world, subject)
    assert not leaks(seen, secrets)
    assert leaks(seen + subject.tags[1].value, secrets) == ["tag"], "the search itself must find"
