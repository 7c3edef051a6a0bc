"""What `livestyle bench` measures."""
