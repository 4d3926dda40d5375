"""The reading room: everything free, without a login."""
