"""`python -m trunkline_hub`: one hub process, set up by its environment.

Garbage is not looked for until the hub answers: nearly all that is made till
then stays, and looking it through again and again takes a fifth of the start.
"""

import gc
import sys

gc.disable()

from trunkline_hub.main import main  # noqa: E402 -- loading it is most of the start

sys.exit(main())
