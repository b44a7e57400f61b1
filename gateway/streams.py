"""What a replica knows of its nodes' streams of one kind: who is there, several a member where it runs several."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet

STREAMS_OF_A_MEMBER = 16


class Stream(Protocol):
    """One stream of one node."""

    @property
    def member(self) -> MemberId:
        """Whose node it is."""
        ...

    @property
    def check(self) -> Callable[[], None]:
        """Raises CreditError once the certificate that it was opened with is no longer good."""
        ...

    def close(self, cause: CreditError | None = None) -> None:
        """Fail whatever waits and end the stream, for a cause that the node is told."""
        ...


StreamT = TypeVar("StreamT", bound=Stream)


class Streams(Generic[StreamT]):
    """The streams by member, each member's in the order in which they came."""

    def __init__(self) -> None:
        self._by_member: dict[MemberId, list[StreamT]] = {}

    def add(self, stream: StreamT) -> None:
        """Attach a node; raises CreditError(OVERLOADED) for one stream too many of its member."""
        streams = self._by_member.setdefault(stream.member, [])
        if len(streams) >= STREAMS_OF_A_MEMBER:
            raise CreditError(Code.OVERLOADED, f"{STREAMS_OF_A_MEMBER} streams are attached")
        streams.append(stream)

    def remove(self, stream: StreamT) -> None:
        """Detach a node and fail what waits for it."""
        stream.close()
        streams = self._by_member.get(stream.member, [])
        if stream in streams:
            streams.remove(stream)

    def attached(self) -> MemberSet:
        """Give the members with a stream."""
        return frozenset(member for member, streams in self._by_member.items() if streams)

    def of(self, member: MemberId) -> list[StreamT]:
        """Give a member's streams, the newest last."""
        return self._by_member.get(member, [])

    def every(self) -> list[StreamT]:
        """Give all streams."""
        return [stream for streams in self._by_member.values() for stream in streams]

    def recheck(self) -> None:
        """End the streams whose certificate has run out, or is of a key that was exchanged."""
        for stream in self.every():
            try:
                stream.check()
            except CreditError as error:
                stream.close(error)
                self.remove(stream)

    def close_all(self, unwanted: Callable[[MemberId], bool] = lambda _: True) -> None:
        """End the streams of members: of all, or of those for which `unwanted` is true."""
        for stream in self.every():
            if unwanted(stream.member):
                self.remove(stream)
