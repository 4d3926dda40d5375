"""`python -m neurodash`."""

from neurodash.cli import main

main(prog_name="neurodash")
