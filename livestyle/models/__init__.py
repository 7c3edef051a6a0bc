"""Models: which files a diffusion model is, and what diffusers makes of them."""
