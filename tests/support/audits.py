"""A regulator beside a `GrpcWorld`: its folder, its witness, exports and their verification."""

import datetime as dt
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from consortium.labels import Label
from consortium.model.rulebook import Rulebook, RulebookDocument, rulebook_digest, verify_rulebook
from consortium.transparency.policy import parse_policy
from gateway.settings import LogSettings
from participants.gateway_client.rulebook import fetch_rulebooks
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.archive import Proof, Selection
from participants.regulator.exporting import Source, export
from participants.storage.witness import WitnessFiles
from participants.witness import Witness
from tests.support.grpc_world import GrpcWorld
from tests.support.logs import LOG_SIGNER, SECOND, WITNESS, policy_text
from tests.support.world import World

REGULATOR = "regulator"


def log_settings(folder: Path) -> LogSettings:
    """Settings of a log whose guard lies beside the gateway's folder; the policy knows both witnesses."""
    (folder / "guard").mkdir(parents=True, exist_ok=True)
    key = folder / "log.key"
    key.touch(mode=0o600)
    key.write_text((b"l" * 32).hex())
    policy = folder / "witnesses.txt"
    policy.write_text(policy_text())
    return LogSettings(key=key, guard=str(folder / "guard" / "checkpoint"), witnesses=policy, seconds=0.05)


def witness(folder: Path, clock: Callable[[], int]) -> Witness:
    """The regulator's witness."""
    policy = parse_policy(policy_text().encode())
    return Witness(policy.logs[0], WITNESS, WitnessFiles(folder / "witness"), clock)


async def export_of(running: GrpcWorld, target: Path, selection: Selection | None = None) -> Proof:
    """Export as the regulator."""
    tls = running.tls(REGULATOR)
    rulebooks = await fetch_rulebooks(running.address, tls)
    async with TransparencyClient(running.address, tls) as client:
        source = Source(client, rulebooks, parse_policy(policy_text().encode()), LOG_SIGNER.name.split("/")[0])
        return await export(source, selection or Selection(), target)


def write_regulator_folder(world: World, running: GrpcWorld, folder: Path) -> Path:
    """Write what `credit-regulator` needs."""
    folder.mkdir(mode=0o700)
    raw, foundation = world.rulebook.raw, world.foundation
    approvers = world.rulebook.document.approvers.members
    signatures = {name: foundation.keys[name].signer.sign(Label.RULEBOOK, raw).hex() for name in approvers}
    tls = running.tls(REGULATOR, valid=dt.timedelta(hours=1))
    keys = foundation.keys[REGULATOR]
    own = {"identity_key": keys.identity.hex(), "audit_key": keys.hpke.private_bytes_raw().hex()}
    files = {
        "policy.txt": policy_text().encode(),
        "own-keys.json": json.dumps(own).encode(),
        "witness.key": (b"w" * 32).hex().encode(),
        "rulebook.json": raw,
        "rulebook-signatures.json": json.dumps({"signatures": signatures}).encode(),
        "tls.crt": tls.certificate,
        "tls.key": tls.key,
        "ca.crt": tls.ca,
        "regulator.toml": f"""\
member = "regulator"
[rulebook]
file = "rulebook.json"
signatures = "rulebook-signatures.json"
fingerprint = "{world.rulebook.digest.hex()}"
[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"
[gateway]
addresses = ["{running.address}"]
""".encode(),
    }
    for name, content in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    return folder


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Pack an export anew with changed files, all digests made to fit; None leaves a file out."""
    import hashlib

    from participants.regulator.archive import PROOF

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        files = {name: old.read(name) for name in old.namelist()}
        changed = {name: content for name in files if (content := change(name, files[name])) is not None}
        proof = json.loads(changed[PROOF])
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in changed.items() if name != PROOF}
        changed[PROOF] = json.dumps({**proof, "files": digests}, sort_keys=True, separators=(",", ":")).encode()
        for name, content in changed.items():
            new.writestr(name, content)
    return target


def with_log(world: World) -> Rulebook:
    """The world's rulebook with the log's key and both witnesses pinned, signed as version 1."""
    raw = document_with_log(world.rulebook.document).to_bytes()
    return verify_rulebook(raw, signatures_of(world, raw), fingerprint=rulebook_digest(raw))


def document_with_log(document: RulebookDocument) -> RulebookDocument:
    """A rulebook's document with the log's key and both witnesses pinned."""
    keys: dict[str, dict[str, bytes]] = {
        "gateway": {"log_key": LOG_SIGNER.public},
        REGULATOR: {"witness_key": WITNESS.public},
        "lender-a": {"witness_key": SECOND.public},
    }
    members = tuple(member.model_copy(update=keys.get(member.id, {})) for member in document.members)
    return document.model_copy(update={"members": members})


def signatures_of(world: World, raw: bytes) -> dict[str, bytes]:
    """The founders' signatures of a first version."""
    approvers = world.rulebook.document.approvers.members
    return {name: world.foundation.keys[name].signer.sign(Label.RULEBOOK, raw) for name in approvers}


def pin_log(world: World) -> World:
    """Put the world under a rulebook that pins the log's key and both witnesses."""
    rulebook = world.foundation.rulebook = world.hub.rulebook = with_log(world)
    for member, node in world.nodes.items():
        contributor = replace(node.contributor, rulebook=lambda: rulebook)
        world.nodes[member] = replace(node, contributor=contributor)
    return world
