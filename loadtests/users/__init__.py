"""Locust users that speak mail: what they do is timed under fixed names, and what fails is counted by its class."""
