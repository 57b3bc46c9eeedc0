"""The message that everything sends: 1 KB of JSON with a type."""

import msgspec


class Order(msgspec.Struct):
    """An order, as an agent would declare it."""

    number: int
    customer: str
    lines: list[str]
    total: float
    note: str


_SIZE = 1024
_BARE = Order(number=17, customer="ada@example.com", lines=["apples", "bread", "coal"], total=12.5, note="")
ORDER = msgspec.structs.replace(_BARE, note="x" * (_SIZE - len(msgspec.json.encode(_BARE))))
RAW = msgspec.json.encode(ORDER)
assert len(RAW) == _SIZE
