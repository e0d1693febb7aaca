"""What CI shows of a run beside the code: tests, annotations, comments, findings."""
