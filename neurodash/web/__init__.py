"""The site: requests, pages, permissions. Thin; everything about the subject is asked of the core."""
