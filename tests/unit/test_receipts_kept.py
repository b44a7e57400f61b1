"""The gateway's receipts at a node: verified, kept, handed on as lines; what nobody signed is not kept."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.model.receipts import MessageReceipt, Receipt, Round, Subject, sign_message_receipt, sign_receipt
from consortium.wire.gateway import message_receipt_from_bytes, message_receipt_to_bytes
from participants.receipt_keeper import ReceiptKeeper
from participants.receipt_lines import answer_line, message_line, receipt_from_line
from participants.storage.supervision import SqliteSupervision
from tests.support.codes import refused
from tests.support.grpc_world import GATEWAY
from tests.support.world import World

digests = st.binary(min_size=32, max_size=32)
rounds = st.builds(Round, digests, st.integers(0, 1 << 40), st.integers(1, 5), st.sampled_from([1, 2]))
taken = st.dictionaries(st.sampled_from(["lender-a", "lender-b", "lender-c"]), digests, max_size=3)


def of_messages(world: World, admission: int = 4, by: str = GATEWAY) -> MessageReceipt:
    signer = world.foundation.keys[by].signer
    return sign_message_receipt(
        signer, Round(b"q" * 32, admission, 1, 2), {"lender-b": b"d" * 32, "lender-a": b"e" * 32}
    )


def of_answer(world: World, index: int = 7) -> tuple[Receipt, Subject]:
    subject = Subject(b"q" * 32, b"transcript")
    return sign_receipt(world.foundation.keys[GATEWAY].signer, index, b"l" * 32, 1_790_000_000_000, subject), subject


@given(rounds, taken, st.binary(min_size=64, max_size=64))
def test_receipts_of_messages_go_over_wire_and_lines(of: Round, taken: dict[str, bytes], signature: bytes) -> None:
    receipt = MessageReceipt(of, taken, signature)
    assert message_receipt_from_bytes(message_receipt_to_bytes(receipt)) == receipt
    assert receipt_from_line(message_line(receipt)) == receipt


def test_receipts_of_answers_go_over_lines(world: World) -> None:
    assert receipt_from_line(answer_line(*of_answer(world))) == of_answer(world)
    value = json.loads(answer_line(*of_answer(world)))
    for change in ({"index": -1}, {"index": True}, {"leaf_hash": "zz"}, {"query": None}, {"taken": 3}):
        with pytest.raises(ValueError):  # noqa: PT011  of whichever kind
            receipt_from_line(json.dumps({**value, **change}).encode())


def test_a_round_that_there_is_not_is_refused() -> None:
    with refused(Code.MALFORMED):
        message_receipt_from_bytes(message_receipt_to_bytes(MessageReceipt(Round(b"q" * 32, 0, 1, 3), {}, bytes(64))))


def test_what_the_gateway_signed_is_kept_once(world: World, tmp_path: Path) -> None:
    with closing(SqliteSupervision(tmp_path / "supervision.db")) as store:
        keeper = ReceiptKeeper(store, lambda: [world.rulebook])
        good = message_receipt_to_bytes(of_messages(world))
        for raw in (good, good, b"no", message_receipt_to_bytes(of_messages(world, 5, by="lender-b"))):
            keeper.take_messages(raw)
        keeper.take_answer(*of_answer(world))
        keeper.flush()
        keeper.take_answer(*of_answer(world))
        keeper.flush()
        assert [*store.receipts()] == [answer_line(*of_answer(world)), message_line(of_messages(world))]
        assert [*store.receipts(since=1 << 40)] == []
        store.forget_receipts(1 << 40)
        assert [*store.receipts()] == []


def test_what_cannot_be_written_is_tried_again(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SqliteSupervision(tmp_path / "supervision.db")) as store:
        keeper = ReceiptKeeper(store, lambda: [world.rulebook])
        keeper.take_messages(message_receipt_to_bytes(of_messages(world)))

        def full(*_: object) -> None:
            raise CreditError(Code.STORAGE_FULL, "the disk")

        with monkeypatch.context() as patch:
            patch.setattr(SqliteSupervision, "keep_receipts", full)
            with refused(Code.STORAGE_FULL):
                keeper.flush()
            keeper.last()  # says so in the log and goes on
        keeper.flush()
        assert len([*store.receipts()]) == 1
