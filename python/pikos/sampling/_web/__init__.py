"""The sampler over HTTP, whatever the server and the framework: ``wsgi``, ``asgi`` and ``flask`` beside this are its doors.

`asked` has requests and answers, `entry` says who may come in, `desk` what each address does, `rows` what it
answers with, `page` how that looks.
"""
