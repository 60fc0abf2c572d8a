"""What Pikos costs and how true it is: a room for each question. README.md says how each is measured."""
