"""Paper: what the program makes for printing, as tagged PDF that a screen reader can read."""
