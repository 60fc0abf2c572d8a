"""Profiles of single requests and tasks, whatever brings them: a profile each, and of those some are kept.

`choice` says which are profiled and which of these are kept, `recording` is the profile of one, `kept` where they are kept, `watch` brings
these together for the frameworks' modules; `desk` and `page` show what is kept over HTTP.
"""
