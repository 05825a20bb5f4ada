"""How long pictures take from one process to another, by every way that the product has."""
