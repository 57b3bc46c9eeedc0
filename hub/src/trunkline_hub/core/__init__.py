"""Words that all rooms share: who asks, what may be done, what runs, what a page is.

Imports nothing of the hub. The error catalogue itself is part of the protocol
(`trunkline.protocol.errors`), because clients raise the same classes.
"""
