"""The CUDA target: the same programs on a GPU. Nothing here is imported by a run on the CPU."""
