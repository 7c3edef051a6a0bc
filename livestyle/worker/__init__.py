"""The worker: the process that may die. It captures and restyles, and fills the shared slot."""
