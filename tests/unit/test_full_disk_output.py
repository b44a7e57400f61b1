"""A command that meets a full disk says so by its code."""

import errno
import json

import pytest
import typer

from participants.cli.output import output


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "STORAGE_FULL"), (errno.EDQUOT, "STORAGE_FULL"), (errno.EIO, "INTERNAL")]
)
def test_a_full_disk_has_its_code(number: int, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), output(as_json=True):
        raise OSError(number, "somewhere")
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
