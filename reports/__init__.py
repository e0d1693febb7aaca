"""What only DeltaCrown's report says."""
