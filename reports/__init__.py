"""From a finished run to something people read. Nothing is computed or decided here."""
