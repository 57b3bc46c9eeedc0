"""Whole-system tests: real processes, killed for real, and a real browser."""
