"""Trunkline's hub: the server behind the SDK.

Start reading at `app.py`, where everything is put together.
"""

__version__ = "0.1.0"
