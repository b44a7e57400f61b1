"""Pre-hash and tag: every field counts, every secret counts; and nothing on the way from identifier to tag prints."""

import traceback
from dataclasses import replace

import pytest

from consortium.custody import Answered, EvaluationAnswer, EvaluationRequest, Position
from consortium.errors import CreditError
from consortium.model.identifiers import (
    IdentifierKind,
    NormalisedIdentifier,
    RawIdentifier,
    Secret,
    SubjectKey,
    SubjectTag,
)
from consortium.oprf.blinding import blind, verify_answer
from consortium.oprf.evaluation import blind_evaluate_verifiable
from consortium.oprf.suite import VOPRF, derive_key_pair
from consortium.silent import Silent
from participants.lender.protect import LendersSecrets, pre_hash, subject_tag
from participants.lender.tokenise import SentRequest, Token
from tests.support.dealer import deal_new
from tests.support.oprf_world import build_world, lenders_secrets
from tests.support.randomness import seeded

IDENTIFIER = NormalisedIdentifier(IdentifierKind.NATIONAL_ID, "CN", "11010519491231002X")
KEY = SubjectKey(b"k" * 64)


def test_every_field_of_the_identifier_is_part_of_the_pre_hash() -> None:
    others = [
        replace(IDENTIFIER, kind=IdentifierKind.PHONE),
        replace(IDENTIFIER, country="TW"),
        replace(IDENTIFIER, value="110105194912310021"),
        replace(IDENTIFIER, version=2),
        replace(IDENTIFIER, country="", value="CN" + IDENTIFIER.value),
    ]
    hashes = {pre_hash(lenders_secrets(), identifier) for identifier in (IDENTIFIER, *others)}
    assert len(hashes) == 1 + len(others)
    assert all(len(digest) == 32 for digest in hashes)


def test_pre_hash_and_tag_depend_on_their_own_secrets_only() -> None:
    secrets = lenders_secrets()
    other_hash = replace(secrets, pre_hash_secret=b"x" * 32)
    other_tag = replace(secrets, tag_key=b"x" * 32)
    other_rest = replace(secrets, sealing_key=b"x" * 32, epoch=9, generation=9)
    assert pre_hash(secrets, IDENTIFIER) == pre_hash(other_rest, IDENTIFIER) == pre_hash(other_tag, IDENTIFIER)
    assert pre_hash(secrets, IDENTIFIER) != pre_hash(other_hash, IDENTIFIER)
    assert subject_tag(secrets, KEY) == subject_tag(other_rest, KEY) == subject_tag(other_hash, KEY)
    assert subject_tag(secrets, KEY) != subject_tag(other_tag, KEY)
    assert subject_tag(secrets, KEY) != subject_tag(secrets, SubjectKey(b"K" * 64))


GOOD = [b"p" * 32, b"t" * 32, b"s" * 32]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("value", [b"", b"x" * 31, b"x" * 33, None])
def test_secrets_are_32_bytes_each_and_different(place: int, value: bytes | None) -> None:
    secrets = [*GOOD]
    secrets[place] = GOOD[place - 1] if value is None else value
    pre_hash_secret, tag_key, sealing_key = secrets
    with pytest.raises(CreditError, match="SETTINGS_INVALID"):
        LendersSecrets(1, pre_hash_secret, tag_key, 1, sealing_key)


def test_a_key_of_another_length_has_no_tag() -> None:
    with pytest.raises(CreditError, match="MALFORMED"):
        subject_tag(lenders_secrets(), SubjectKey(b"short"))


def _silent_objects() -> list[object]:
    world = build_world()
    shares, _ = deal_new(1, 1, seeded("silent"))
    batch = blind([b"input"], seeded("blinds"))
    evaluation = blind_evaluate_verifiable(shares[0].secret, shares[0].key.public, batch.elements, seeded("nonce"))
    position = Position(1, 1, 1)
    return [
        RawIdentifier(IdentifierKind.PHONE, "13800138000"),
        IDENTIFIER,
        KEY,
        SubjectTag(b"t" * 32),
        Secret(b"s" * 32),
        lenders_secrets(),
        derive_key_pair(VOPRF, bytes(32), b""),
        shares[0],
        batch,
        batch.elements[0],
        evaluation,
        evaluation.elements[0],
        evaluation.proof,
        verify_answer(batch.elements, evaluation, shares[0].key),
        EvaluationRequest("lender-a", position, batch.elements),
        EvaluationAnswer(position, evaluation),
        Answered(1, b"digest", b"answer"),
        SentRequest(1, b"request", answered=False),
        Token(KEY, SubjectTag(b"t" * 32), 1),
        world.holders[0],
        world.links[1].session,
        world.tokeniser(),
        world.signer,
    ]


SILENT = _silent_objects()


@pytest.mark.parametrize("value", SILENT, ids=lambda value: type(value).__name__)
def test_nothing_on_the_way_prints(value: object) -> None:
    name = f"<{type(value).__name__}>"
    assert isinstance(value, Silent)
    assert {repr(value), str(value), f"{value}", f"{value!s:>5}".strip(), format(value, "x")} == {name}
    assert "%s" % (value,) == name  # noqa: UP031  logging formats like this
    assert repr([value]) == f"[{name}]"


def test_a_traceback_holds_no_identifier() -> None:
    try:
        build_world(quota=0).tokeniser().tokenise([IDENTIFIER])
    except CreditError as error:
        text = "".join(traceback.format_exception(error))
    assert "TOO_FEW_HOLDERS" in text
    assert IDENTIFIER.value not in text
