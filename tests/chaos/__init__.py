"""Seeded faults against a real PM2 and the real guard that it runs, and what must hold after each of them."""
