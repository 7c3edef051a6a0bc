"""Between threads and processes: what is handed over, newest first, and what they say."""
