"""Experiments: what is a claimed gain, on which two sides is it tried, and is it true?"""
