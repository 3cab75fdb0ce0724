"""What guards share whose service is asked over HTTP: its token, turns, answers and settings."""
