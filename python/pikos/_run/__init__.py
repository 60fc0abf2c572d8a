"""Commands that run a program: what they have in common, and `pikos run`."""
