"""The builder of plans. Nothing about a person is kept: the answers travel in the page and in a file."""
