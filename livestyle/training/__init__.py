"""Training: from a painting to a bundled style's network.

    pictures ─► Crops ─► LiteNetwork ─► the finish ─► losses ◄─ the painting
                              │
                              └─► quantized, as OpenVINO's graph, with its card ─► a style

A network sees a picture's own pixels and shows it at that size; losses see it at the size inside,
half of that, where styles are, but for text. What is seen is what is shown live: the finish brings
the picture's own detail back, so that the network need not, and does not fight it.
Pictures are float32 NCHW RGB in 0..1 unless said otherwise.
"""
