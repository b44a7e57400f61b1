"""
Queries over a distance: lenders reach the gateway through a proxy that adds 15 ms each way (`benchmarks.slow_network`).

A query crosses it six times: question, two rounds of calls and answers, answer. With loss twice: modelled in the
proxy, and by netem in a network name space of our own, where the kernel has it and we may.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.local import local_service
from benchmarks.processes import Measured, measure, question
from benchmarks.rows import Row, left_out, row
from benchmarks.slow_network import Distance, SlowNetwork
from consortium.model.query import Suite
from demo.consortium import LENDERS, Terms
from demo.founding import found_folders
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports

ONE_WAY = 0.015
LOSS = 0.01
WARM_UP = 20
ALONE = 150
LOADED = 300
Figures = dict[str, float]
NETEM = "30 ms round trip and 1 % loss by netem"
IN_NAME_SPACE = "ip link set lo up && tc qdisc add dev lo root netem loss 1%"


def run() -> list[Row]:
    """Measure; about two minutes."""
    rows = _rows("no distance", measured(Distance(0.0)))
    rows += _rows("30 ms round trip", measured(Distance(ONE_WAY)))
    rows += _rows("30 ms round trip and 1 % loss, modelled", measured(Distance(ONE_WAY, LOSS)))
    return rows + _netem()


def measured(distance: Distance) -> Figures:
    """Start a consortium whose lenders reach the gateway over a distance, and ask; gives milliseconds by name."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out, port = Path(name) / "consortium", free_ports(25_000)
        found_folders(out, Ports(port), LENDERS, Terms(suite=Suite.PAILLIER_3072_MASKED))
        with SlowNetwork(port, distance) as network, Processes(out) as processes:
            for lender in LENDERS:
                _redirect(out / lender / "node.toml", port, network.port)
            processes.start_all()
            return asyncio.run(_ask(out, port))


def _redirect(settings: Path, port: int, through: int) -> None:
    text = settings.read_text()
    direct = f'addresses = ["127.0.0.1:{port}"]'
    if direct not in text:
        raise ValueError(f"{settings.name} names no gateway at {port}")
    settings.write_text(text.replace(direct, f'addresses = ["127.0.0.1:{through}"]'))


async def _ask(out: Path, port: int) -> Figures:
    async with local_service(out, port) as local:

        async def ask(person: int) -> object:
            return await local.query(question(person))

        await measure(ask, range(WARM_UP), 1)
        await measure(ask, range(1_000, 1_000 + ALONE), 8)  # their subject keys are known from here on
        alone = await measure(ask, range(1_000, 1_000 + ALONE), 1)
        eight = await measure(ask, range(5_000, 5_000 + LOADED), 8)
    return _figures("one at a time", alone) | _figures("8 in flight", eight) | {"8 in flight, rate": eight.rate}


def _figures(name: str, found: Measured) -> Figures:
    return {f"{name}, p50": found.percentile(0.5), f"{name}, p99": found.percentile(0.99)}


def _rows(name: str, figures: Figures) -> list[Row]:
    return [
        row(f"{name}: {what}", value, "1/s" if "rate" in what else "ms", "higher" if "rate" in what else "lower", None)
        for what, value in figures.items()
    ]


def _netem() -> list[Row]:
    """Measure once more in a network name space of our own, in which every segment over loopback may be lost."""
    reason = _why_no_netem()
    if reason:
        return [left_out(NETEM, reason)]
    command = f"{IN_NAME_SPACE} && exec {sys.executable} -m benchmarks.network"
    done = _in_name_space(command)
    done.check_returncode()
    return _rows(NETEM, json.loads(done.stdout))


def _why_no_netem() -> str:
    try:
        done = _in_name_space(IN_NAME_SPACE)
    except OSError:
        return "there is no `unshare` here"
    if done.returncode == 0:
        return ""
    problem = done.stderr.decode(errors="replace")
    return "this kernel has no netem" if "qdisc kind is unknown" in problem else "a name space needs more rights"


def _in_name_space(command: str) -> subprocess.CompletedProcess[bytes]:
    arguments = ["/usr/bin/unshare", "--net", "sh", "-c", command]
    return subprocess.run(arguments, capture_output=True, check=False)  # noqa: S603  our own words


if __name__ == "__main__":
    print(json.dumps(measured(Distance(ONE_WAY))))
