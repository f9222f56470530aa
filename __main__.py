"""``python -m thawcheck``: the same as the command ``thawcheck``."""

from .cli.main import main

if __name__ == "__main__":
    main()
