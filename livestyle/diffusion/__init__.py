"""Few-step diffusion: the arithmetic of a step, the networks and their loading, prompts, pixels."""
