"""What the collector of garbage need not look at."""

import gc


def keep_what_is_there() -> None:
    """Take all objects that there are for kept: the collector goes through none of them again.

    For after something large was made that stays: with a hundred thousand
    skills in memory, each full collection would hold up every request for
    some 50 ms. Whatever loses its last reference is freed as ever; only
    cycles that were garbage already are not.
    """
    gc.freeze()
