"""Pages and data over HTTP, whatever the server, the framework, and what is shown: the sampler's and the kept requests'.

`doors` makes requests of what servers hand over, `asked` has requests and answers, `entry` says who may come in, `answers` are answers of a
kind, `look` is how pages look, `columns` how tables do in plain text.
"""
