"""The demonstration's consortium, founded by the journey of its members; its gateway is left running."""

from collections.abc import Callable, Sequence
from pathlib import Path

from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from demo.consortium import CONSORTIUM, Terms
from participants.sandbox.founding import GATEWAY, Founding, Plan, charter_of
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes


def found_in(
    processes: Processes, ports: Ports, lenders: Sequence[MemberId], terms: Terms, say: Callable[[str], object]
) -> Rulebook:
    """Found below `processes.out`, whose folders must not exist yet; `say` is told of each step. Gives version 1."""
    processes.out.mkdir(parents=True, exist_ok=True)
    charter = charter_of(lenders, attributes=terms.attributes, policy=terms.policy, **terms.sections)
    plan = Plan(CONSORTIUM, lenders, ports, charter, terms.tiers, terms.groups, storage=terms.storage)
    return Founding(plan, processes, say).run()


def found_folders(
    out: Path, ports: Ports, lenders: Sequence[MemberId], terms: Terms, say: Callable[[str], object] = lambda _: None
) -> Rulebook:
    """Found below `out` and leave nothing running: folders to start processes from. Gives version 1."""
    with Processes(out) as processes:
        rulebook = found_in(processes, ports, lenders, terms, say)
    processes.log(GATEWAY).rename(out / "founding.log")  # whoever starts it again waits for what it logs
    return rulebook
