"""`credit-custodian`: the commands of a key holder."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.ceremony.driver import Progress
from consortium.ceremony.plan import Kind, Plan
from consortium.ceremony.transcript import Phase
from consortium.errors import Code, CreditError
from consortium.model.rulebook import Role
from participants.cli import membership_decide, membership_join, membership_status, passphrase
from participants.cli.membership_join import FingerprintOption, InvitationOption, LocalOption, Wish, show_init
from participants.cli.membership_options import FolderOption, party_in
from participants.cli.output import JsonOption, Output, output
from participants.cli.passphrase import PresentOption
from participants.cli.serving import serve_folder
from participants.custodian.serving import CustodianServer
from participants.custodian.settings import CustodianSettings
from participants.membership.ceremonies import begin as begin_ceremony
from participants.membership.ceremonies import plan_words, propose_shares, refresh, take_part
from participants.membership.founding import begin_first
from participants.membership.member import Membership
from participants.membership.view import Motion
from participants.share_files import ShareFiles

app = typer.Typer(help="A holder of a share of the OPRF key.", no_args_is_help=True, pretty_exceptions_enable=False)
POLL_SECONDS = 0.5
FIRST, SHARE = "first", "share"


@app.callback()
def main() -> None:
    """Hold a share of the OPRF key and evaluate with it."""


@app.command()
def init(
    folder: FolderOption,
    member: Annotated[str, typer.Option("--member", help="The id that you want: a-z, 0-9, hyphens.")],
    invitation: InvitationOption,
    fingerprint: FingerprintOption = "",
    listen: LocalOption = "127.0.0.1:7601",
    *,
    as_json: JsonOption = False,
) -> None:
    """Make the folder and its keys; nothing leaves this machine."""
    show_init(Wish(Role.CUSTODIAN, member, listen), folder, invitation, fingerprint, as_json=as_json)


@app.command()
def ceremony(
    folder: FolderOption,
    begin: Annotated[
        str, typer.Option("--begin", help="Plan one: first (founders), refresh, or new (a generation).")
    ] = "",
    seconds: Annotated[int, typer.Option("--seconds", help="How long to wait for the others.")] = 300,
    propose: Annotated[bool, typer.Option("--propose", help="Propose the new share keys when it is done.")] = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """Take part in the key ceremonies on the board until each is done; safe to stop and to repeat at any time."""
    with output(as_json=as_json) as shown, party_in(folder) as party:
        party.sync()
        if begin:
            plan = begin_first(party) if begin == FIRST else begin_ceremony(party, _kind(begin))
            shown.show({"plan": plan.id.hex()}, Text(f"planned; compare these words:\n{plan_words(plan)}"))
        found = _until_done(party, ShareFiles(party.folder), seconds)
        value: list[CanonicalValue] = [_progress(one) for one in found]
        shown.show({"ceremonies": value}, *[Text(_progress_line(one)) for one in found])
        if any(one.plan.kind is Kind.NEW and one.plan.rulebook is not None for one in found):
            shown.show({}, Text("next, by a lender: credit-participant generation announce"))
        if propose:
            motion = propose_shares(party)
            shown.show({"proposed": motion.ballot.next.version}, Text("proposed; next: the approvers' votes"))


@app.command()
def rotate(
    folder: FolderOption,
    kind: Annotated[list[str], typer.Argument(help="identity, hpke, tls, several at once; or share.")],
    seconds: Annotated[int, typer.Option("--seconds", help="share: how long to wait for the other holders.")] = 300,
    *,
    as_json: JsonOption = False,
) -> None:
    """
    Make new keys in place of those in use; approvers must pin them, and until then the old ones are used.

    share: new shares of the same key, made with the other holders. Whoever types it first plans the ceremony, the
    others join it, and the first to be done proposes it. The serving custodian takes its share up by itself.
    """
    if SHARE not in kind:
        return membership_decide.rotate(folder, kind, as_json=as_json)
    with output(as_json=as_json) as shown, party_in(folder) as party:
        if len(kind) > 1:
            raise CreditError(Code.SETTINGS_INVALID, "share is a ceremony of its own: rotate the others by themselves")
        made = new_shares(party, seconds, partial(_show_plan, shown))
        version = made.ballot.next.version
        shown.show({"proposed": version}, Text("proposed; next: credit-participant approve new-shares (the approvers)"))
    return None


def new_shares(
    party: Membership, seconds: int, told: Callable[[Plan, bool], None] = lambda _plan, _planned: None
) -> Motion:
    """
    Plan or join the refresh under the rulebook in force, take part until it is done, and propose what it made.

    `told` is given the plan, and whether it was planned here. Raises as `_until_done`, and CEREMONY_FAULT.
    """
    party.sync()
    told(*refresh(party))
    _until_done(party, ShareFiles(party.folder), seconds)
    return propose_shares(party)


def _show_plan(shown: Output, plan: Plan, planned: bool) -> None:  # noqa: FBT001  as `refresh` gives it
    words = f"{'planned' if planned else 'joined'}; compare these words:\n{plan_words(plan)}"
    shown.show({"plan": plan.id.hex(), "planned": planned}, Text(words))


def _kind(text: str) -> Kind:
    if text not in (Kind.REFRESH, Kind.NEW):
        raise CreditError(Code.SETTINGS_INVALID, f"--begin {FIRST}, {Kind.REFRESH} or {Kind.NEW}")
    return Kind(text)


def _until_done(party: Membership, shares: ShareFiles, seconds: int) -> list[Progress]:
    """
    Go on until every ceremony that names us is finished; where there is none yet, wait for one.

    Raises CreditError(CEREMONY_UNFINISHED) after a time.
    """
    deadline = time.monotonic() + seconds
    while True:
        party.sync()
        found = take_part(party, shares)
        if found and all(one.share_kept and one.phase is Phase.DONE for one in found):
            return found
        if time.monotonic() > deadline:
            waiting = sorted({name for one in found for name in one.waiting_for})
            raise CreditError(Code.CEREMONY_UNFINISHED, f"waiting for {', '.join(waiting) or 'its plan'}")
        time.sleep(POLL_SECONDS)


def _progress(progress: Progress) -> dict[str, CanonicalValue]:
    return {
        "ceremony": progress.plan.id.hex()[:16],
        "kind": progress.plan.kind.value,
        "phase": progress.phase.value,
        "waiting_for": list(progress.waiting_for),
        "share_kept": progress.share_kept,
    }


def _progress_line(progress: Progress) -> str:
    plan = progress.plan
    what = f"{plan.kind}, generation {plan.generation}, revision {plan.revision}"
    kept = "our share is kept" if progress.share_kept else f"waiting for {', '.join(progress.waiting_for)}"
    return f"ceremony {plan.id.hex()[:16]} ({what}): {progress.phase}, {kept}"


@app.command()
def serve(folder: FolderOption, passphrase_file: PresentOption = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    serve_folder(lambda: CustodianSettings(folder).file.log_level, lambda: CustodianServer(folder), passphrase_file)


for command in (
    membership_join.apply,
    membership_join.trust,
    membership_join.certificate,
    membership_status.status,
    membership_decide.approve,
    membership_decide.reject,
    membership_decide.leave,
):
    app.command()(command)
app.add_typer(passphrase.app, name="passphrase")
