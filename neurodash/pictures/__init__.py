"""Everything the program draws: pictograms from joint angles and charts from evidence rows, as SVG text."""
