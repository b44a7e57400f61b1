"""The board takes what its authors may post now, once, and what was decided on it comes into force."""

import asyncio
import errno
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.applications import APPLICATION_LIFETIME, Application, sign_rotation
from consortium.membership.ballots import Decision, Vote
from consortium.membership.emergency import EMERGENCY_SECONDS, EmergencySuspension
from consortium.membership.proposals import Activate, Admit, Renew, Rotate, Suspend, Switch
from consortium.membership.secrets import Opened, deliver, new_generation_secrets
from consortium.membership.sightings import Sighting
from consortium.membership.signed import body_of, parse_document, sign_document
from consortium.membership.statements import Acknowledgement, sign_acknowledgement
from consortium.membership.trusted import Signed, TrustedSet
from consortium.model.rulebook import MemberStatus
from consortium.model.signing import Ed25519Signer
from consortium.wire.membership import DocumentKind
from gateway.membership import applicants, limits
from tests.support.boards import BoardWorld, board_world
from tests.support.codes import refused
from tests.support.membership import APPROVERS, registry

Scenario = Callable[[BoardWorld], Coroutine[Any, Any, None]]
APPLICATION, PROPOSAL, VOTE = DocumentKind.APPLICATION, DocumentKind.PROPOSAL, DocumentKind.VOTE


@pytest.fixture
def on_board(tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario on a fresh board."""

    def run(scenario: Scenario) -> None:
        async def within() -> None:
            async with board_world(registry(), tmp_path) as world:
                await scenario(world)

        asyncio.run(within())

    return run


def kinds(world: BoardWorld) -> list[str]:
    return [str(json.loads(line)["kind"]) for line in world.entries()]


def test_from_an_application_to_an_active_member(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        application = world.known.apply()
        assert await world.post(APPLICATION, application, None) == 1
        await world.decide(Admit(application=application))
        assert world.rulebooks.current().members["lender-new"].status is MemberStatus.ADMITTED
        await world.decide(Activate(member="lender-new", report=b"r" * 32))
        assert "lender-new" in world.rulebooks.current().roster
        decided = ["member-vote", "member-vote", "member-version"]
        assert kinds(world) == ["member-application", *decided, *decided]
        assert [one.sequence for one in (await world.page()).documents] == [1, 2, 3, 4, 5, 6, 7]

    on_board(scenario)


def test_the_same_document_has_the_same_place(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        application = world.known.apply()
        places = [await world.post(APPLICATION, application, None) for _ in range(3)]
        assert places == [1, 1, 1]
        await world.decide(Admit(application=application))
        assert await world.post(APPLICATION, application, None) == 1
        assert kinds(world).count("member-application") == 1

    on_board(scenario)


def test_a_version_that_found_no_room_is_written_once_there_is_some(
    on_board: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: BoardWorld) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "no space")

        application = world.known.apply()
        await world.post(APPLICATION, application, None)
        proposal = await world.propose(Admit(application=application))
        monkeypatch.setattr("gateway.rulebooks.os.fsync", full)
        for place, approver in enumerate(APPROVERS, 3):
            assert await world.post(VOTE, world.vote(proposal, approver), approver) == place
        await world.board.catch_up()
        assert world.rulebooks.current().document.version == 1
        monkeypatch.undo()
        await world.board.catch_up()
        assert world.rulebooks.current().document.version == 2

    on_board(scenario)


def test_applications_that_are_refused(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        bad: list[tuple[bytes, Code]] = [
            (known.apply("lender-x", identity_key=bytes(32)), Code.SIGNATURE_INVALID),
            (known.apply("lender-y", hpke_key=bytes(32)), Code.PUBLIC_KEY_WEAK),
            (known.apply("lender-z", hpke_key=known.document.members[0].hpke_key), Code.KEY_REUSED),
            (known.apply("1ender-a".replace("1", "l")), Code.MEMBER_ID_CONFUSABLE),
            (known.apply("lendera"), Code.MEMBER_ID_CONFUSABLE),
            (known.apply("lender-w", sponsor="gateway"), Code.APPLICATION_INVALID),
            (known.apply("lender-v", issued_at=known.now + 3600), Code.CLOCK_OFF),
            (known.apply("lender-u", issued_at=known.now - APPLICATION_LIFETIME - 1), Code.APPLICATION_REPLAYED),
            (known.apply("lender-t", consortium="other-consortium"), Code.APPLICATION_INVALID),
            (b"\x00" * 200, Code.APPLICATION_INVALID),
        ]
        for signed, code in bad:
            with refused(code, Code.PUBLIC_KEY_WEAK):
                await world.post(APPLICATION, signed, None)
        assert world.board.read_to == 0

    on_board(scenario)


def test_an_applicant_stands_in_nobodys_way(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        await world.post(APPLICATION, known.apply("lender-new"), None)
        known.newcomers.pop("lender-new")
        with refused(Code.MEMBER_ID_CONFUSABLE):  # another key for the same id
            await world.post(APPLICATION, known.apply("lender-new"), None)
        with refused(Code.MEMBER_ID_CONFUSABLE):
            await world.post(APPLICATION, known.apply("lendernew"), None)
        first = await world.page("lender-b")
        taken = parse_document(Application, body_of(first.documents[0].signed), Code.MALFORMED)
        with refused(Code.KEY_REUSED):
            await world.post(APPLICATION, known.apply("lender-other", hpke_key=taken.hpke_key), None)

    on_board(scenario)


def test_the_board_cannot_be_flooded(on_board: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applicants, "PENDING", 3)

    async def scenario(world: BoardWorld) -> None:
        known = world.known
        for number in range(3):
            await world.post(APPLICATION, known.apply(f"newcomer-{'abcdefgh'[number]}"), None)
        with refused(Code.QUOTA_EXCEEDED):
            await world.post(APPLICATION, known.apply("newcomer-x"), None)
        world.board._usage = limits.Usage(documents=2)
        for number in range(2):
            await world.post(DocumentKind.ACKNOWLEDGEMENT, acknowledgement(world, number), "lender-b")
        with refused(Code.QUOTA_EXCEEDED):
            await world.post(DocumentKind.ACKNOWLEDGEMENT, acknowledgement(world, 9), "lender-b")
        known.now += 86_400  # a day later there is room again
        await world.post(DocumentKind.ACKNOWLEDGEMENT, acknowledgement(world, 9), "lender-b")

    on_board(scenario)


def acknowledgement(world: BoardWorld, number: int, by: str = "lender-b") -> bytes:
    one = Acknowledgement(
        consortium=world.known.document.consortium, member=by, document=bytes([number]) * 32, seen_at=world.known.now
    )
    return sign_acknowledgement(world.known.keys(by).signer, one)


def test_a_document_is_posted_by_its_author(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        for caller in ("lender-c", "gateway", None):
            with refused(Code.ROLE_NOT_ALLOWED):
                await world.post(DocumentKind.ACKNOWLEDGEMENT, acknowledgement(world, 1), caller)
            with refused(Code.ROLE_NOT_ALLOWED):
                await world.post(PROPOSAL, world.known.propose(Renew()), caller)
        with refused(Code.ROLE_NOT_ALLOWED):
            await world.post(DocumentKind.GENESIS, bytes(100), "lender-a")

    on_board(scenario)


def test_votes_repeated_foreign_and_on_something_else(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        proposal = await world.propose(Renew())
        vote = world.vote(proposal, "lender-a")
        assert await world.post(VOTE, vote, "lender-a") == await world.post(VOTE, vote, "lender-a")
        with refused(Code.VOTE_REPEATED):
            await world.post(VOTE, world.vote(proposal, "lender-a", Decision.REJECT, "no"), "lender-a")
        with refused(Code.VOTE_INVALID):  # no approver
            await world.post(VOTE, world.vote(proposal, "lender-c"), "lender-c")
        unposted = world.known.propose(Renew(), expires_at=world.known.now + 9 * 86_400)
        with refused(Code.VOTE_INVALID):
            await world.post(VOTE, world.vote(unposted, "lender-b"), "lender-b")
        moved = parse_document(Vote, body_of(world.vote(unposted, "lender-b")), Code.MALFORMED)
        moved = moved.model_copy(update={"proposal": parse_document(Vote, body_of(vote), Code.MALFORMED).proposal})
        changed = sign_document(world.known.keys("lender-b").signer, Label.VOTE, moved)
        with refused(Code.SIGNATURE_INVALID):  # the signature is under another next version
            await world.post(VOTE, changed, "lender-b")
        await world.post(VOTE, world.vote(proposal, "lender-b"), "lender-b")
        assert world.rulebooks.trusted.version == 2
        with refused(Code.VOTE_INVALID):  # its version has been replaced
            await world.post(VOTE, world.vote(unposted, "lender-b"), "lender-b")

    on_board(scenario)


def test_a_suspended_approver_has_no_vote_and_a_cut_off_one_keeps_it(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        await world.post(DocumentKind.EMERGENCY, known.emergency("lender-b"), "gateway")
        with refused(Code.MEMBER_NOT_ACTIVE):
            world.rulebooks.current().active_member("lender-b")
        await world.decide(Renew())  # the operator's word takes no vote away
        assert world.rulebooks.trusted.version == 2

    on_board(scenario)


def test_an_emergency_holds_everywhere_at_once_and_lapses(on_board: Callable[[Scenario], None], tmp_path: Path) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        async with board_world(known, tmp_path) as replica:
            await world.post(DocumentKind.EMERGENCY, known.emergency("lender-c"), "gateway")
            await replica.board.catch_up()
            for one in (world, replica):
                assert one.rulebooks.current().members["lender-c"].status is MemberStatus.SUSPENDED
                assert "lender-c" in one.rulebooks.current().roster  # the roster is the approvers'
                assert one.rulebooks.current().digest == known.rulebook.digest
            with refused(Code.NOTICE_INVALID):
                await world.post(
                    DocumentKind.EMERGENCY, known.emergency("lender-c", issued_at=known.now + 1), "gateway"
                )
            known.now += EMERGENCY_SECONDS
            assert replica.rulebooks.current().active_member("lender-c")
        forged = sign_document(
            known.keys("lender-a").signer,
            Label.EMERGENCY_SUSPENSION,
            parse_document(EmergencySuspension, body_of(known.emergency("lender-d")), Code.MALFORMED),
        )
        with refused(Code.SIGNATURE_INVALID):
            await world.post(DocumentKind.EMERGENCY, forged, "gateway")
        assert kinds(world).count("member-emergency") == 1

    on_board(scenario)


def test_a_ratified_suspension_and_a_rejected_application(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        application = known.apply("lender-new")
        await world.post(APPLICATION, application, None)
        proposal = await world.propose(Admit(application=application))
        await world.post(VOTE, world.vote(proposal, "lender-b", Decision.REJECT, "no licence"), "lender-b")
        seen = [one.kind for one in (await world.page("lender-new")).documents]
        assert seen == [APPLICATION, PROPOSAL, VOTE]  # the reason reaches the applicant
        assert world.state.applicants.pending(known.now) == []
        again = known.apply("lender-new", licence="NL-2026-18")
        await world.post(APPLICATION, again, None)
        notice, offer = known.emergency("lender-e"), known.offer("lender-a", "lender-e")
        await world.post(DocumentKind.EMERGENCY, notice, "gateway")
        await world.decide(Suspend(member="lender-e", reason="stolen key", notice=notice, offer=offer))
        assert world.rulebooks.current().members["lender-e"].status is MemberStatus.SUSPENDED
        assert world.rulebooks.current().document.epoch == 2

    on_board(scenario)


def test_an_applicant_sees_its_own_case_only(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        for name in ("newcomer-a", "newcomer-z"):
            await world.post(APPLICATION, known.apply(name), None)
        proposal = await world.propose(Admit(application=(await world.page()).documents[0].signed))
        await world.post(VOTE, world.vote(proposal, "lender-b"), "lender-b")
        contents = Opened(new_generation_secrets(1, known.rng), None)
        sealed = deliver(known.rulebook, "lender-a", "lender-b", contents, known.keys("lender-a").signer, known.rng)
        await world.post(DocumentKind.DELIVERY, sealed, "lender-a")
        assert [one.sequence for one in (await world.page("newcomer-a")).documents] == [1, 3, 4]
        assert [one.sequence for one in (await world.page("newcomer-z")).documents] == [2]
        assert len((await world.page("regulator")).documents) == 5
        with refused(Code.MEMBER_NOT_ACTIVE):
            world.state.identity_key("nobody-here")

    on_board(scenario)


def test_rotations_and_used_keys(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known, new = world.known, Ed25519Signer(world.known.rng(32))
        old = known.keys("lender-c").signer
        signed = sign_rotation(known.rotation("lender-c", identity_key=new.public), old, new)
        await world.post(DocumentKind.ROTATION, signed, "lender-c")
        await world.decide(Rotate(request=signed))
        assert world.rulebooks.earlier is not None  # the old key is good for connections for a moment
        back = sign_rotation(known.rotation("lender-c", identity_key=old.public), new, old)
        with refused(Code.KEY_REUSED):
            await world.post(DocumentKind.ROTATION, back, "lender-c")
        with refused(Code.KEY_REUSED):
            await world.post(APPLICATION, known.apply("lender-q", hpke_key=old.public), None)

    on_board(scenario)


def test_sightings_reach_everybody_above_all_those_that_prove_a_fork(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        known = world.known
        seen = Sighting(
            consortium=known.document.consortium, member="lender-b", version=1, rulebook=b"f" * 32, seen_at=known.now
        )
        fork = sign_document(known.keys("lender-b").signer, Label.SIGHTING, seen)
        await world.post(DocumentKind.SIGHTING, fork, "lender-b")
        later = sign_document(
            known.keys("lender-c").signer, Label.SIGHTING, seen.model_copy(update={"member": "lender-c", "version": 9})
        )
        await world.post(DocumentKind.SIGHTING, later, "lender-c")
        with refused(Code.MEMBER_NOT_ACTIVE):
            own = sign_document(
                known.keys("gateway").signer, Label.SIGHTING, seen.model_copy(update={"member": "gateway"})
            )
            await world.post(DocumentKind.SIGHTING, own, "gateway")

        reader = TrustedSet(known.rulebook)
        reader.watch_sightings("lender-a", known.now)
        (first, second) = (await world.page("lender-a")).documents
        with refused(Code.RULEBOOK_FORK):
            reader.take_sighting(first.signed, known.now)
        reader.take_sighting(second.signed, known.now)
        with refused(Code.RULEBOOK_FROZEN):  # a gateway that holds versions back is found out
            reader.check_usable(known.now)

    on_board(scenario)


def test_lenders_say_that_they_are_ready_once_a_generation_is_announced(on_board: Callable[[Scenario], None]) -> None:
    async def scenario(world: BoardWorld) -> None:
        with refused(Code.NOTICE_INVALID):
            await world.post(DocumentKind.READINESS, world.known.ready("lender-b"), "lender-b")
        await world.decide(world.known.announcement())
        with refused(Code.ROLE_NOT_ALLOWED):
            await world.post(DocumentKind.READINESS, world.known.ready("lender-b"), "lender-c")
        await world.post(DocumentKind.READINESS, world.known.ready("lender-b"), "lender-b")
        await world.decide(Switch(missing=("lender-c",)))
        assert world.rulebooks.current().document.oprf.generation == 2

    on_board(scenario)


def test_a_gateway_that_makes_up_a_member_or_swaps_a_share_key_is_refused() -> None:
    known = registry()
    keys = known.keys("gateway").signer
    invented = known.document.members[0].model_copy(
        update={
            "id": "lender-fake",
            "identity_key": keys.public,
            "status": MemberStatus.ADMITTED,
            "group": "fake-group",
        }
    )
    raw = known.successor(members=(*known.document.members, invented))
    holder = known.document.oprf.holders[1].model_copy(update={"share_key": keys.public})
    holders = (known.document.oprf.holders[0], holder, known.document.oprf.holders[2])
    swapped = known.successor(oprf=known.document.oprf.model_copy(update={"holders": holders}))
    for bytes_ in (raw, swapped):
        for signers in (("gateway",), ("gateway", "lender-a"), ("lender-a",), ()):
            with pytest.raises(CreditError):
                known.trusted.update(known.sign(bytes_, *signers))
        with pytest.raises(CreditError):
            known.trusted.update(Signed(bytes_, {"lender-a": bytes(64), "lender-b": bytes(64)}))
    assert known.trusted.version == 1


def test_a_restart_at_any_point_comes_to_the_same_standing(tmp_path: Path) -> None:
    known = registry()

    async def first() -> None:
        async with board_world(known, tmp_path) as world:
            application = known.apply()
            await world.post(APPLICATION, application, None)
            await world.decide(Admit(application=application))
            open_one = await world.propose(Renew())
            await world.post(VOTE, world.vote(open_one, "lender-a"), "lender-a")
            await world.post(DocumentKind.EMERGENCY, known.emergency("lender-d"), "gateway")

    async def second() -> None:
        async with board_world(known, tmp_path) as world:
            assert world.rulebooks.trusted.version == 2
            (ballot,) = world.state.ballots()
            assert ballot.waiting_for == ("lender-b",)
            assert world.rulebooks.current().members["lender-d"].status is MemberStatus.SUSPENDED
            assert world.state.applicants.pending(known.now) == []
            for name in ("rulebook-000002.json", "rulebook-000002.signatures.json"):
                (tmp_path / "rulebooks" / name).unlink()  # it died between the board and the file

    async def third() -> None:
        async with board_world(known, tmp_path) as world:
            assert world.rulebooks.trusted.version == 2
            assert world.rulebooks.newest.rulebook.digest == known.rulebook.digest

    for step in (first, second, third):
        asyncio.run(step())


def test_two_replicas_take_no_two_votes_of_one_approver(on_board: Callable[[Scenario], None], tmp_path: Path) -> None:
    async def scenario(world: BoardWorld) -> None:
        async with board_world(world.known, tmp_path) as replica:
            proposal = await world.propose(Renew())
            votes = (
                (world, world.vote(proposal, "lender-a")),
                (replica, world.vote(proposal, "lender-a", Decision.REJECT, "no")),
            )
            done = await asyncio.gather(
                *(one.post(VOTE, vote, "lender-a") for one, vote in votes), return_exceptions=True
            )
            codes = [one.code for one in done if isinstance(one, CreditError)]
            assert codes == [Code.VOTE_REPEATED]

    on_board(scenario)
