"""Recorders: where a monitor's records go. ``pikos.recorders.api`` has them all."""
