"""Training: from a painting to a bundled style's network.

    pictures ─► Crops ─► LiteNetwork ─► the finish ─► losses ◄─ the painting
                              │
                              └─► quantized, as OpenVINO's graph, with its card ─► a style

The network that is trained is half as large as the picture it is seen in; the finish brings the
picture's own detail back, in training as live, so that the network need not, and does not fight it.
Pictures are float32 NCHW RGB in 0..1 unless said otherwise.
"""
