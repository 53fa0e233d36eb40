"""What the numbers of a training mean, in words."""
