"""Who comes: accounts, clinics and their seats, membership, and what was done with whose record."""
