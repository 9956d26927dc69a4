"""Node's own server of HTTP, in place of this process."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.execvp("node", ["node", str(Path(__file__).with_suffix(".js")), *sys.argv[1:]])
