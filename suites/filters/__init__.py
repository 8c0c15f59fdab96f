"""Checks of filters: what becomes of viruses, of spam, and of everything else."""
