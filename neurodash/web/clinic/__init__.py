"""The desk of a clinic: saved protocols, patients, their scores and plans."""
