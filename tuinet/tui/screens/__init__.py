"""The screens, a file each. Every one works in any Textual App; what they ask of it is in screens/base.py."""
