"""Pikos inside the tools that people work with: a module for each, which knows its framework and public modules of ours.

`dask` and `spark` profile what a cluster runs. Nothing else of Pikos imports any of them.
"""
