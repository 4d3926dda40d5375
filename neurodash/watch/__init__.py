"""Watching for newer reviews and for retraction notices: the one room here that uses a network.

Nothing but the command line imports it. What it finds it writes into an inbox file; an editor accepts a find into a
content folder of theirs or dismisses it. Our own content is never changed.
"""
