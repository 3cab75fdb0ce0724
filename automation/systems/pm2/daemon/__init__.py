"""PM2's daemon: its death, its kin, and the way back (safety S9, S11, S14 to S17)."""
