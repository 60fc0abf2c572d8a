"""What `pikos.runner` is made of: its options, and a program that is recorded."""
