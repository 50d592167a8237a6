"""Diffusion pipelines from a local folder: an optional extra, and off until somebody has adopted a pipeline."""
