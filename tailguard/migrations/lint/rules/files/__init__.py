"""Rules for the files of index migrations: what keeps the runner from using them."""
