"""WeasyPrint, kept running for bench/handouts.py in an environment of its own.

One word in, one line of JSON out: "version", or the seconds of one PDF of the page of HTML given at the start.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import weasyprint

page = Path(sys.argv[1]).read_text(encoding="utf-8")
for word in sys.stdin:
    if word.strip() == "version":
        print(json.dumps(weasyprint.__version__), flush=True)
        continue
    begun = time.perf_counter()
    weasyprint.HTML(string=page).write_pdf(pdf_variant="pdf/ua-1")
    print(json.dumps(time.perf_counter() - begun), flush=True)
