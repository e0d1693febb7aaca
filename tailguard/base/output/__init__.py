"""What is printed: standard output and error, and others' texts as each reader shows them."""
