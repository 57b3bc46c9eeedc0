"""The words on the wire: envelope, subjects, errors, frames.

Pure: no I/O, no clock of its own beyond stamping new messages, no state.
The SDK and the hub both speak through this package and nothing else, so a
change here is a change of protocol.
"""
