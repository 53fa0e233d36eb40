"""The command line: each command reads its options, asks the parts below for the work, and prints what they say."""
