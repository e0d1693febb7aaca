"""The dual write for a share of the workers: which of them, how far it is, and how each follows without a restart."""
