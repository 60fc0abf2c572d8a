"""What IPython and notebooks see of Pikos."""
