"""What only one kind of run has, ready to show."""
