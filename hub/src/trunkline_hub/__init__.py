"""Trunkline's hub: the server behind the SDK.

Start reading at `app.py`, where everything is put together.
"""

from importlib.metadata import version

__version__ = version("trunkline-hub")
