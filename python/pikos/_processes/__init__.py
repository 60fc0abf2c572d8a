"""Profiles of other processes than the one that was asked: those that a profiled one starts, and those that run already.

Imports nothing: a process that is only looked at pays for this file alone.
"""
