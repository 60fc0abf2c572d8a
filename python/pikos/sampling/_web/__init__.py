"""The sampler over HTTP: ``wsgi``, ``asgi`` and ``flask`` beside this are its doors, and ``pikos._web`` has what isn't the sampler's.

`desk` is what each address does, `rows` what it answers with, `page` how that looks.
"""
