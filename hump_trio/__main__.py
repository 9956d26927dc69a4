"""``python -m hump_trio``: the same as ``hump-trio``."""

import sys

from hump_trio.command.main import main

sys.exit(main())
