"""The places where an archive can lie."""
