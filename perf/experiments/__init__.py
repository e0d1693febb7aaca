"""Experiments on published claims, and what their sides need."""
