"""The group wrapper: what it refuses, and that it leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from consortium.oprf import group
from tests.support.elements import BAD_ELEMENTS, GOOD
from tests.support.randomness import scripted, seeded

# RFC 9496, appendix A.1: the multiples 1 to 3 of the generator
MULTIPLES = [
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
]


def test_multiples_of_the_generator_are_those_of_the_rfc() -> None:
    assert [group.scale_base(k).hex() for k in (1, 2, 3)] == MULTIPLES
    one, two, three = map(bytes.fromhex, MULTIPLES)
    assert group.add(one, two) == three
    assert group.scale(3, one) == three
    assert group.linear_combination([1, 1], [one, two]) == three


@pytest.mark.parametrize("element", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS.keys())
def test_bad_elements_are_refused(element: bytes) -> None:
    for refused in (lambda: group.check_element(element), lambda: group.scale(5, element)):
        with pytest.raises(CreditError) as caught:
            refused()
        assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("name", [name for name in BAD_ELEMENTS if name != "identity"])
def test_bad_elements_are_not_added(name: str) -> None:
    for pair in ((GOOD, BAD_ELEMENTS[name]), (BAD_ELEMENTS[name], GOOD)):
        with pytest.raises(CreditError):
            group.add(*pair)


def test_the_identity_is_neutral_but_never_a_product() -> None:
    assert group.add(GOOD, group.IDENTITY) == GOOD
    assert group.add(group.scale(group.ORDER - 1, GOOD), GOOD) == group.IDENTITY
    for zero in (0, group.ORDER, 5 * group.ORDER):
        with pytest.raises(CreditError):
            group.scale(zero, GOOD)
        with pytest.raises(CreditError):
            group.scale_base(zero)


def test_scalars_are_decoded_only_in_canonical_form() -> None:
    assert group.decode_scalar(group.encode_scalar(group.ORDER - 1)) == group.ORDER - 1
    for bad in (group.ORDER.to_bytes(32, "little"), b"\xff" * 32, bytes(31), bytes(33)):
        with pytest.raises(CreditError):
            group.decode_scalar(bad)


def test_a_random_scalar_is_never_zero() -> None:
    assert group.random_scalar(scripted([bytes(64), group.ORDER.to_bytes(64, "little"), b"\5"])) == 5


def test_batch_inversion_is_inversion() -> None:
    scalars = [group.random_scalar(seeded("scalars")) for _ in range(9)] + [1, group.ORDER - 1]
    assert group.invert_all(scalars) == [pow(scalar, -1, group.ORDER) for scalar in scalars]
    assert group.invert_all([]) == []


def test_importing_leaves_no_file_behind_and_spares_those_of_others(tmp_path: Path) -> None:
    others = tmp_path / "tmpother.so"
    others.write_bytes(b"somebody else's")
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    for folder in (tmp_path, link):
        code = "from consortium.oprf import group; print(group.scale_base(1).hex())"
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.strip() == MULTIPLES[0]
        assert list(tmp_path.iterdir()) == [others]


@pytest.mark.parametrize("listed", ["{path} (deleted)", "{path}.other", "", None])
def test_a_file_that_is_not_mapped_here_stays(tmp_path: Path, listed: str | None) -> None:
    library = tmp_path / "tmpabc.so"
    library.write_bytes(b"of another process")
    mappings = tmp_path / "maps"
    if listed is not None:
        mappings.write_text(f"7f00-7f01 r-xp 0 00:01 1   {listed.format(path=library)}\n")
    group._remove_library_file(library, mappings)
    assert library.exists()


def test_a_file_that_is_mapped_here_goes(tmp_path: Path) -> None:
    library = tmp_path / "tmpabc.so"
    library.write_bytes(b"ours")
    mappings = tmp_path / "maps"
    mappings.write_text(f"7f00-7f01 r-xp 0 00:01 1   {library.resolve()}\n")
    group._remove_library_file(library, mappings)
    assert not library.exists()
