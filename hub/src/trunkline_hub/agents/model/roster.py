"""Who there is, in a few words each. Pure."""

from typing import NamedTuple


class Member(NamedTuple):
    """An agent of the catalogue, and how it is now, without what it can do."""

    name: str
    owner: str
    version: str
    title: str
    origin: str
    state: str
    instances: int
