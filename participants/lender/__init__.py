"""A lender's node: its book, its answers and its questions; `LenderNode` is imported when it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from participants.lender.node import LenderNode

__all__ = ["LenderNode"]


def __getattr__(name: str) -> Any:
    """Import what belongs to the public interface on its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(name)
    from participants.lender.node import LenderNode  # noqa: PLC0415  all of a node, which most modules do without

    return LenderNode
