"""tuinet trains neural networks in a terminal and shows what happens inside them."""

__version__ = "0.1.0"
