"""``python -m thawcheck``: the same as the command ``thawcheck``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
