"""Engines: a model's networks compiled for one device, built once and kept in a cache.

model ─► export ─► compare ─► compile ─► cache ─► verify ─► load ─► agree ─► a frame's networks
         ONNX      with       TensorRT,          SHA-256           with
                   PyTorch    OpenVINO                             PyTorch
"""
