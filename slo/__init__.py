"""Objectives, the judge and the guards: a run goes in, verdicts come out."""
