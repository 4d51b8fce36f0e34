"""samples/gcp_copycat: its tests, and the stand-ins for the two clouds that they use."""
