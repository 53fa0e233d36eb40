"""Widgets that panes and screens share. What turns numbers into characters is a function with tests of its own."""
