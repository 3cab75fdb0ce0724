"""Apps that hang: PM2 calls them online, and they do not answer."""
