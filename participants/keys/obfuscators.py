"""
The pool of ready obfuscators, by requester key: what makes an encryption take microseconds at the time of a query.

A background thread builds a table for each key in use and keeps a bounded number of obfuscators ready, each from
fresh randomness of its own.
"""

import secrets
from collections import OrderedDict, deque

import gmpy2

from consortium.errors import CreditError
from consortium.hashing import Randomness
from consortium.sums.blinding import SEED_BYTES, BlindingBase, FixedBaseTable
from consortium.sums.paillier import Obfuscator, PublicKey
from participants.keys.stock import Stock

DEFAULT_READY = 128
DEFAULT_TABLES = 8


class _Shelf:
    """What is kept for one key: the slow way, the fast way once it is built, and what is ready."""

    __slots__ = ("base", "public_key", "ready", "table")

    def __init__(self, public_key: PublicKey) -> None:
        self.public_key = public_key
        self.base: BlindingBase | None = None
        self.table: FixedBaseTable | None = None
        self.ready: deque[Obfuscator] = deque()

    def make(self, rng: Randomness) -> Obfuscator:
        """Make one obfuscator by the fastest way there is, deriving the base if need be."""
        source = self.table or self._derived_base()
        return source.obfuscator_from_seed(rng(SEED_BYTES))

    def build_table(self) -> None:
        """Prepare the fast way."""
        self.table = FixedBaseTable.build(self._derived_base())

    def _derived_base(self) -> BlindingBase:
        if self.base is None:  # two threads may both derive it; they get the same
            self.base = BlindingBase.derive(self.public_key)
        return self.base


class ObfuscatorPool(Stock):
    """
    Gives each obfuscator to one caller only, across threads and forks.

    `ready` bounds the obfuscators kept for one key, `tables` the keys kept (about 17 MB each at 3072 bits; the one
    longest unused goes first, with what was ready for it). `rng` must be fresh in every process.
    """

    _kind = "obfuscators"

    def __init__(
        self, *, ready: int = DEFAULT_READY, tables: int = DEFAULT_TABLES, rng: Randomness = secrets.token_bytes
    ) -> None:
        self._ready_maximum = ready
        self._tables_maximum = tables
        self._rng = rng
        super().__init__()

    def take(self, public_key: PublicKey) -> Obfuscator:
        """
        Give an obfuscator that nobody else gets: a ready one, or one made on the spot.

        Raises CreditError: INTERNAL after `close`, PUBLIC_KEY_WEAK for a crooked modulus.
        """
        with self._changed:
            shelf = self._shelf(public_key)
            if (
                len(shelf.ready) <= self._ready_maximum // 2
            ):  # to wake the thread for each one costs more than to make it
                self._wake()
            if shelf.ready:
                return shelf.ready.popleft()
        return shelf.make(self._rng)

    def prepare(self, public_key: PublicKey) -> None:
        """Start building the table and the stock of a key that will be asked for."""
        with self._changed:
            self._shelf(public_key)
            self._wake()

    def ready(self, public_key: PublicKey) -> int:
        """Count the obfuscators in stock for a key."""
        with self._changed:
            shelf = self._shelves.get(int(public_key.n))
            return len(shelf.ready) if shelf else 0

    def _empty(self) -> None:
        self._shelves: OrderedDict[int, _Shelf] = OrderedDict()

    def _shelf(self, public_key: PublicKey) -> _Shelf:
        self._check_open()
        name = int(public_key.n)
        shelf = self._shelves.setdefault(name, _Shelf(public_key))
        self._shelves.move_to_end(name)
        if len(self._shelves) > self._tables_maximum:
            self._shelves.popitem(last=False)
        return shelf

    def _refill(self) -> None:
        while (shelf := self._next_needy()) is not None:
            try:
                self._refill_one(shelf)
            except CreditError:  # a crooked modulus: whoever takes for it gets this error
                self._forget(shelf.public_key)

    def _refill_one(self, shelf: _Shelf) -> None:
        if shelf.table is None:  # the GIL is kept here: to ask for it 50,000 times beside a busy thread takes minutes
            shelf.build_table()
            return
        with gmpy2.context(gmpy2.get_context(), allow_release_gil=True):
            obfuscator = shelf.make(self._rng)
        with self._changed:
            if not self._closed:
                shelf.ready.append(obfuscator)

    def _forget(self, public_key: PublicKey) -> None:
        with self._changed:
            self._shelves.pop(int(public_key.n), None)

    def _next_needy(self) -> _Shelf | None:
        """Wait for a key whose stock is not full, the one used last first; None when the pool is closed."""
        with self._changed:
            while not self._closed:
                for shelf in reversed(self._shelves.values()):
                    if shelf.table is None or len(shelf.ready) < self._ready_maximum:
                        return shelf
                self._changed.wait()
        return None
