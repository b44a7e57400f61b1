"""Gateway, custodians and lenders that serve from folders under a passphrase, and the commands that put them there."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gateway.private_files
import participants.private_files
from consortium.errors import Code
from consortium.membership.ballots import Decision
from consortium.rules.profiles import PROFILES
from consortium.vault.locked import INSECURE_TEST_COSTS, is_locked
from consortium.vault.vault import RING
from gateway.bootstrap import build
from gateway.cli.main import app as hub
from participants.cli.main import app as participant
from participants.keys.query_key import QueryKeyFiles
from participants.membership import actions
from participants.membership.member import Membership
from participants.sandbox.processes import BIN
from participants.settings import NodeSettings
from tests.support.codes import refused
from tests.support.journey import KILLED
from tests.support.membership import LEI
from tests.support.nodes import node_folder
from tests.support.serving import Serving, play, until
from tests.support.world import LENDERS

CUSTODIANS = ("custodian-one", "custodian-two")
PARTIES = (*LENDERS, *CUSTODIANS)
FIRST, SECOND = "correct horse battery", "staple another phrase"


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes what the environment names as the passphrase of everybody; files are sealed with little work."""
    path = tmp_path / "phrase"
    path.touch(mode=0o600)
    for module in (participants.private_files, gateway.private_files):
        monkeypatch.setattr(module, "COSTS", INSECURE_TEST_COSTS)
        monkeypatch.setenv(module.VARIABLE, str(path))

    def said(phrase: str) -> Path:
        path.write_text(f"{phrase}\n")
        return path

    return said


def seal_everything(out: Path, phrase: str) -> None:
    gateway.private_files.vault_of(out / "gateway").set_passphrase(phrase.encode())
    for party in PARTIES:
        participants.private_files.vault_of(out / party).set_passphrase(phrase.encode())


def open_secrets(folder: Path) -> list[str]:
    """The secret files of a folder that are not sealed."""
    return [name for name, sealed in participants.private_files.vault_of(folder).states().items() if not sealed]


def test_everybody_serves_under_a_passphrase_and_changes_keys_and_the_passphrase(
    tmp_path: Path, say: Callable[[str], Path]
) -> None:
    say(FIRST)

    async def scene(running: Serving) -> None:
        assert (await running.ask("lender-a", "13912345678"))["missing"] == []
        await running.acting("lender-a", propose_new_epoch)
        await running.acting("lender-b", lambda party: actions.vote(party, "new-epoch", Decision.APPROVE, "in order"))
        await running.acting("lender-b", lambda party: (party.sync(), actions.rotate(party, frozenset({"identity"}))))
        for approver in ("lender-a", "lender-b"):
            await running.acting(approver, lambda party: actions.vote(party, "lender-b", Decision.APPROVE, "in order"))
        await until((running.out / "lender-b" / "identity.key.before").exists)
        assert {party: open_secrets(running.out / party) for party in PARTIES} == {party: [] for party in PARTIES}

        participants.private_files.vault_of(running.out / "lender-a").set_passphrase(SECOND.encode())
        say(SECOND)
        settings = NodeSettings(running.out / "lender-a")
        before = settings.path(settings.file.query_key).read_bytes()
        QueryKeyFiles(settings.path(settings.file.query_key), PROFILES[running.foundation.suite]).rotate()
        assert settings.path(settings.file.query_key).read_bytes() != before
        await running.answered("lender-a")
        await running.answered("lender-b")

    play(tmp_path / "out", scene, *PARTIES, prepare=lambda out: seal_everything(out, FIRST))


def propose_new_epoch(party: Membership) -> None:
    party.sync()
    actions.cast(party, actions.propose(party, actions.new_epoch(party)), Decision.APPROVE, "in order")


def test_without_the_right_passphrase_nobody_starts(
    tmp_path: Path, say: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(FIRST)

    async def scene(running: Serving) -> None:
        for module in (participants.private_files, gateway.private_files):
            module.vault_of.cache_clear()  # processes of their own
        say(SECOND)
        for party in ("custodian-one", "lender-a"):
            with refused(Code.PASSPHRASE_WRONG):
                await running.start(party)
        with refused(Code.PASSPHRASE_WRONG):
            build(running.settings)
        monkeypatch.delenv(participants.private_files.VARIABLE)
        with refused(Code.PASSPHRASE_NEEDED):
            await running.start("lender-a")

    play(tmp_path / "out", scene, prepare=lambda out: seal_everything(out, FIRST))


def phrase_file(folder: Path, name: str, phrase: str) -> Path:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(phrase)
    return path


def command(node: Path, *words: str | Path, dies_at: str = "", present: Path | None = None) -> tuple[int, str]:
    """Run `credit-participant passphrase ...` as a process of its own."""
    armed = node.with_name("failpoint")
    if dies_at:
        armed.write_text(dies_at)
    environment = {**os.environ, "CREDIT_FAILPOINT": str(armed)}
    environment |= {"CREDIT_PASSPHRASE_FILE": str(present)} if present else {}
    done = subprocess.run(
        [BIN / "credit-participant", "passphrase", *words, "--node", node, "--json"],
        capture_output=True,
        check=False,
        timeout=60,
        env=environment,
    )
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def test_the_commands_of_both_sides(
    tmp_path: Path, say: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, new, runner = node_folder(tmp_path), phrase_file(tmp_path, "first", FIRST), CliRunner()
    words = ["passphrase", "status", "--node", str(node)]
    assert runner.invoke(participant, words).stdout.splitlines() == [
        "open    lenders-secrets.json",
        "open    own-keys.json",
    ]
    made = runner.invoke(participant, ["passphrase", "set", "--node", str(node), "--new-passphrase-file", str(new)])
    assert made.stdout.startswith("2 files are sealed"), made.output
    assert runner.invoke(participant, words).stdout.splitlines() == [
        "sealed  lenders-secrets.json",
        "sealed  own-keys.json",
    ]
    say(SECOND)
    refusal = runner.invoke(participant, ["passphrase", "remove", "--node", str(node), "--json"])
    assert (refusal.exit_code, json.loads(refusal.stdout)["error"]["code"]) == (1, "PASSPHRASE_WRONG")
    say(FIRST)
    done = runner.invoke(participant, ["passphrase", "remove", "--node", str(node), "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"opened": 2})

    operator = ["--consortium", "north", "--legal-name", "Hub", "--lei", LEI, "--group", "hub", "--contact", "+886 2 1"]
    assert runner.invoke(hub, ["init", str(tmp_path / "hub"), *operator]).exit_code == 0
    config = ["--config", str(tmp_path / "hub" / "gateway.toml")]
    made = runner.invoke(hub, ["passphrase", "set", *config, "--new-passphrase-file", str(new)])
    assert made.stdout.startswith("5 files are sealed"), made.output
    states = json.loads(runner.invoke(hub, ["passphrase", "status", *config, "--json"]).stdout)["files"]
    assert states == dict.fromkeys(["ca.key", "hpke.key", "identity.key", "log.key", "tls.key"], True)
    again = runner.invoke(hub, ["init", str(tmp_path / "hub"), *operator])
    assert again.exit_code == 0, again.output
    monkeypatch.delenv(gateway.private_files.VARIABLE)
    gateway.private_files.vault_of.cache_clear()
    refusal = runner.invoke(hub, ["passphrase", "remove", *config])
    assert (refusal.exit_code, "PASSPHRASE_NEEDED" in refusal.output) == (1, True)
    say(FIRST)
    monkeypatch.setenv(gateway.private_files.VARIABLE, str(say(FIRST)))
    assert runner.invoke(hub, ["passphrase", "remove", *config]).stdout == "5 files lie open\n"


@pytest.mark.slow
def test_the_command_killed_in_the_middle_and_repeated(tmp_path: Path) -> None:
    node = node_folder(tmp_path)
    plain = {name: (node / name).read_bytes() for name in ("own-keys.json", "lenders-secrets.json")}
    first, second = phrase_file(tmp_path, "first", FIRST), phrase_file(tmp_path, "second", SECOND)

    status, _ = command(node, "set", "--new-passphrase-file", first, dies_at="private.before-replace")
    assert status == KILLED
    assert not (node / RING).exists()
    status, said = command(node, "set", "--new-passphrase-file", first)
    assert status == 0, said
    assert all(is_locked((node / name).read_bytes()) for name in plain)
    status, said = command(node, "set", "--new-passphrase-file", second)
    assert (status, json.loads(said)["error"]["code"]) == (1, "PASSPHRASE_NEEDED")
    status, said = command(node, "set", "--new-passphrase-file", second, present=second)
    assert status == 1, said
    assert "PASSPHRASE_WRONG" in said
    status, said = command(node, "set", "--new-passphrase-file", second, present=first)
    assert status == 0, said
    status, said = command(node, "status")
    assert json.loads(said) == {"under_passphrase": True, "files": dict.fromkeys(sorted(plain), True)}
    status, _ = command(node, "remove", present=second, dies_at="private.before-remove")
    assert status == KILLED
    status, said = command(node, "remove", present=second)
    assert status == 0, said
    assert {name: (node / name).read_bytes() for name in plain} == plain
    assert FIRST not in said
