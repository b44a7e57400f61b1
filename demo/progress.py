"""What a run says while it works: stages with their times, a bar on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY_SECONDS = 10.0


class Stages:
    """Times the stages of a run and says when each begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        """Time one stage."""
        if self._console.is_terminal:
            self._console.rule(f"[bold]{name}[/]: {what}", align="left")
        else:
            self._console.print(f"== {name}: {what}", highlight=False)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


class Meter:
    """Shows how many of a task's units are done; where there is no terminal, in a line every ten seconds."""

    def __init__(self, console: Console, what: str, total: int | None) -> None:
        self._console = console
        self._what = what
        self._of = f" of {total:,}" if total is not None else ""
        self._start = self._said = time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(what, total=total)

    def update(self, done: int) -> None:
        """Take note of how many are done; to be called often."""
        self._bar.update(self._task, completed=done)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said >= EVERY_SECONDS:
            self._said = now
            line = f"   {self._what}: {done:,}{self._of} after {now - self._start:.0f} s"
            self._console.print(line, highlight=False)

    @classmethod
    @contextmanager
    def shown(cls, console: Console, what: str, total: int | None = None) -> Iterator["Meter"]:
        """Show a meter for as long as the context lasts."""
        meter = cls(console, what, total)
        if not console.is_terminal:
            yield meter
            return
        with meter._bar:
            yield meter
