"""A folder for `sys.path`, where worker processes find nncore as `keras`.

Processes that `multiprocessing` starts anew import the script again, with the parent's
`sys.path` and without its finders. `nncore run` puts this folder there.
"""
