"""Times that are only known to lie between two visits, with and without death competing."""
