"""The engine of mailproof: it knows protocols and targets, never a product."""
