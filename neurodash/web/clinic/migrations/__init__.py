"""Migrations of this part of the record."""
