"""What lies outside of a JSON Schema."""

from typing import Any


def no_retrieval(uri: str) -> Any:
    """For validators: refuse to fetch what a schema refers to, which its author could have put anywhere."""
    raise ValueError(f"{uri} is outside of the schema")
