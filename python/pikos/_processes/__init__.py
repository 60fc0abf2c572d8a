"""Profiles of other processes than the one that was asked: those that a profiled one starts, and those that run already.

How, and why so: docs/design/launcher.md. Imports nothing: a process that is only looked at pays for this file alone.
"""
