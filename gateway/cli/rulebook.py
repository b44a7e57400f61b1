"""`credit-gateway rulebook ...`: the version in force, those before it, and the fingerprint to read to others."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from consortium.membership.words import words_text
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, reported
from gateway.rulebooks import Rulebooks, first_fingerprint
from gateway.settings import load_settings

app = typer.Typer(help="The rulebook.", no_args_is_help=True)
VersionOption = Annotated[int, typer.Option("--version", help="Which one; 0 for the newest.")]


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, version: VersionOption = 0) -> None:
    """Print the exact document of a version."""
    with reported():
        rulebooks = _rulebooks(config)
        found = rulebooks.version(version) if version else rulebooks.newest
    typer.echo(json.dumps(json.loads(found.rulebook.raw), indent=2))


@app.command()
def versions(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """List every version: when it was proposed, who signed it, its fingerprint."""
    with reported():
        rulebooks = _rulebooks(config)
    numbers = range(1, rulebooks.trusted.version + 1)
    found = [
        {
            "version": number,
            "issued_at": rulebooks.version(number).rulebook.document.issued_at,
            "signed_by": sorted(rulebooks.version(number).signed.signatures),
            "fingerprint": rulebooks.version(number).rulebook.digest.hex(),
        }
        for number in numbers
    ]
    if as_json:
        typer.echo(json.dumps({"versions": found}))
        return
    for one in found:
        day = datetime.fromtimestamp(int(str(one["issued_at"])), UTC).strftime("%Y-%m-%d")
        signers = rulebooks.version(int(str(one["version"]))).signed.signatures
        typer.echo(f"{one['version']:>4}  {day}  {str(one['fingerprint'])[:16]}...  {', '.join(sorted(signers))}"[:80])


@app.command()
def fingerprint(
    config: ConfigOption = DEFAULT_CONFIG,
    version: VersionOption = 1,
    words: Annotated[bool, typer.Option("--words", help="As 24 words, to be read aloud.")] = False,  # noqa: FBT002
) -> None:
    """Print the fingerprint of a version, of the first by default: others trust the consortium by it."""
    with reported():
        rulebooks = _rulebooks(config)
        digest = (rulebooks.version(version) if version else rulebooks.newest).rulebook.digest
    typer.echo(words_text(digest) if words else digest.hex())


def _rulebooks(config: ConfigOption) -> Rulebooks:
    settings = load_settings(config)
    return Rulebooks(settings.rulebooks, first_fingerprint(settings.rulebooks, settings.fingerprint))
