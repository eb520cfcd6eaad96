"""``python -m notebook_img``: the command line."""

import sys

from notebook_img.cli import main

sys.exit(main())
