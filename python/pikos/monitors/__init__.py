"""Monitors: context managers and decorators that record function and line events. ``pikos.monitors.api`` has them all."""
