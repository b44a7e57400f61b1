"""A newcomer's engineer at the command line: each step is one command in a process of its own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from participants.sandbox.founding import made_up_lei as demo_lei
from participants.sandbox.processes import BIN
from tests.support.processes import Processes

SPONSOR, SECOND = "lender-one", "lender-two"
KILLED = -9
EXAMPLE = Path(__file__).parents[2] / "examples" / "csv"
TERMS = """\
legal_name = "{name}"
licence = "NL-2026-17"
lei = "{lei}"
group = "{member}-group"
contact = "+886 2 1234 5678"
book_size = 5000
tiers = ["defaults-only", "full"]
"""


@dataclass
class Newcomer:
    """One applicant with its folder below a running consortium."""

    parties: Processes
    member: str
    number: int

    @property
    def folder(self) -> Path:
        return self.parties.out / self.member

    def run(self, party: str, *arguments: str, dies_at: str = "", fails: bool = False) -> Any:
        """Run a command in a party's folder; `dies_at` arms a failpoint, at which it must be killed."""
        failpoint = self.parties.out / f"{party}.command-failpoint"
        if dies_at:
            failpoint.write_text(dies_at)
        done = subprocess.run(
            [BIN / "credit-participant", *arguments, "--node", ".", "--json"],
            cwd=self.parties.out / party,
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "CREDIT_FAILPOINT": str(failpoint)},
        )
        said = done.stdout.decode() + done.stderr.decode()
        if dies_at:
            assert done.returncode == KILLED, f"{arguments} did not come by {dies_at}: {said}"
            return None
        assert (done.returncode != 0) is fails, f"{arguments}: {said}"
        return json.loads(done.stdout)

    def invite(self) -> str:
        """Have the sponsor write an invitation; gives the fingerprint that it tells by telephone."""
        self.folder.mkdir()
        told = self.run(SPONSOR, "invitation")
        (self.folder / "invitation.toml").write_text(told["invitation"])
        terms = TERMS.format(name=self.member.title(), lei=demo_lei(self.number), member=self.member)
        (self.folder / "terms.toml").write_text(terms)
        return str(told["words"])

    @property
    def listen(self) -> str:
        """Where its local service listens."""
        return f"127.0.0.1:{self.parties.port + 10 + self.number}"

    def init(self, words: str, **how: Any) -> Any:
        arguments = ("--member", self.member, "--invitation", "invitation.toml", "--fingerprint", words)
        return self.run(self.member, "init", *arguments, "--listen", self.listen, **how)

    def apply(self, *more: str, **how: Any) -> Any:
        return self.run(self.member, "apply", "--from", "terms.toml", *more, **how)

    def own(self, *arguments: str, **how: Any) -> Any:
        return self.run(self.member, *arguments, **how)

    def status(self, party: str = "") -> Any:
        return self.run(party or self.member, "status")

    def step(self, name: str) -> Any:
        """Give one step of the newcomer's own journey."""
        return next(step for step in self.status()["journey"] if step["name"] == name)

    def load(self, **how: Any) -> Any:
        """Load the example's twenty accounts."""
        return self.own("book", "load", "--mapping", str(EXAMPLE / "mapping.toml"), **how)

    def decide(self, *arguments: str, **how: Any) -> None:
        """Let the sponsor and the second approver do what is their turn."""
        self.run(SPONSOR, "sponsor", self.member, *arguments, **how)
        self.run(SECOND, "approve", self.member, **how)
