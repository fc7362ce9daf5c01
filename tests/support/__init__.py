"""Helpers that tests of the running server share."""
