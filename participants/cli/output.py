"""What every command shows: tables or one JSON object, progress after two seconds, errors by code, exit status 1."""

import json
import secrets
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import CATALOGUE, Code, CreditError
from participants.whole_files import FULL

if TYPE_CHECKING:  # duckdb and SQLAlchemy come with it, which most commands do without
    from participants.lender.connectors import Source

PROGRESS_AFTER_SECONDS = 2.0
FAILED = 1
MAXIMUM_BESIDE = 48
"""A value of at most so many characters stands beside its name on a screen of 80 columns; a hash does not."""

NodeOption = Annotated[Path, typer.Option("--node", envvar="CREDIT_NODE", help="The node's folder, with node.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


class Output:
    """Collects what a command has to say."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._value: dict[str, CanonicalValue] = {}
        self._note = ""
        self._console = Console()
        self._errors = Console(stderr=True)

    def show(self, value: dict[str, CanonicalValue], *renderables: RenderableType) -> None:
        """Show a result, in one of its two forms."""
        if self.as_json:
            self._value |= value
        else:
            for renderable in renderables:
                self._console.print(renderable, highlight=False, soft_wrap=isinstance(renderable, Text))

    def note(self, value: dict[str, CanonicalValue], what: str) -> None:
        """Keep what whoever asks needs if the command fails: it is shown with the error, and in the JSON object."""
        self._value |= value
        self._note = f"{what} {', '.join(map(str, value.values()))}"

    def show_fields(self, value: dict[str, CanonicalValue], fields: Mapping[str, str]) -> None:
        """Show a result as names with their values; a long value has a line to itself, so that none is broken."""
        self.show(value, *field_lines(fields))

    def warn(self, text: str) -> None:
        """Say something on standard error."""
        self._errors.print(Text(text, style="yellow"), soft_wrap=True)

    def fail(self, error: CreditError) -> None:
        """Show an error: its code, what to do, and which check failed."""
        message = CATALOGUE[error.code].message
        if self.as_json:
            self._value["error"] = {"code": error.code.value, "message": message, "cause": error.cause}
        else:
            self._errors.print(Text(str(error), style="red"), soft_wrap=True)
            if self._note:
                self._errors.print(Text(self._note), soft_wrap=True)

    def finish(self) -> None:
        """Print the JSON object."""
        if self.as_json:
            typer.echo(json.dumps(self._value, indent=2, ensure_ascii=False))


def field_lines(fields: Mapping[str, str]) -> list[Text]:
    """Render names with their values, aligned; a value that is too long for this gets a line of its own."""
    width = max(map(len, fields))
    lines = []
    for name, text in fields.items():
        if len(text) <= MAXIMUM_BESIDE:
            lines.append(Text.assemble((name.ljust(width), "bold"), "  ", text))
        else:
            lines += [Text(name, style="bold"), Text(f"  {text}")]
    return lines


@contextmanager
def output(*, as_json: bool) -> Iterator[Output]:
    """Run a command: whatever goes wrong is shown by its code, and the exit status is 1."""
    shown = Output(as_json=as_json)
    failed = True
    try:
        yield shown
        failed = False
    except CreditError as error:
        shown.fail(error)
    except (typer.BadParameter, typer.Exit, typer.Abort):
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, its text may hold a value and must not be printed
        shown.fail(_unexpected(error, shown))
    shown.finish()
    if failed:
        raise typer.Exit(FAILED)


def _unexpected(error: Exception, shown: Output) -> CreditError:
    """Give an error an id and show where it arose, without its text; a full disk has a code of its own."""
    if isinstance(error, OSError) and error.errno in FULL:
        return CreditError(Code.STORAGE_FULL)
    number = secrets.token_hex(4)
    for frame in traceback.extract_tb(error.__traceback__):
        shown.warn(f"{number} {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} in {frame.name}")
    return CreditError(Code.INTERNAL, f"id {number}")


class LateProgress:
    """A progress bar on standard error that appears when a task takes longer than two seconds."""

    def __init__(self, sources: "Sequence[Source]", *, hidden: bool) -> None:
        self._sources = sources
        self._shown_from = float("inf") if hidden else time.monotonic() + PROGRESS_AFTER_SECONDS
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]:,}"),
            TimeElapsedColumn(),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._stage: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stage is not None:
            self.bar.stop()

    def __call__(self, stage: str, done: int) -> None:
        """Take note of a stage ("reading", "writing") and how many rows or subjects it has done."""
        if time.monotonic() < self._shown_from:
            return
        fraction = self._fraction() if stage == "reading" else None
        if self._stage != stage:
            self._begin(stage, total=None if fraction is None else 1.0)
        self.bar.update(self.bar.task_ids[-1], done=done, completed=fraction or 0.0)

    def _begin(self, stage: str, total: float | None) -> None:
        """Show a new stage in place of the one before; without a total the bar only moves to and fro."""
        for task in self.bar.task_ids:
            self.bar.remove_task(task)
        self._stage = stage
        self.bar.add_task(stage, done=0, total=total)
        self.bar.start()

    def _fraction(self) -> float | None:
        """Tell how much has been read of all sources, taken as equally long; None where one of them cannot tell."""
        parts = [part for source in self._sources if (part := source.fraction()) is not None]
        return sum(parts) / len(parts) if len(parts) == len(self._sources) else None
