"""What the CUDA target promises, on a stand-in driver and an emulator of PTX: no GPU is needed."""
