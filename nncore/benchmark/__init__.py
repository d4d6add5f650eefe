"""`nncore bench`: this CPU's peak, and nncore beside every other library found.

`cases` says what is measured, `peers` how each library does it, `run` in which order;
`machine` measures the CPU, `report` and `plot` show the result. docs: the repository's
benchmarks/README.md.
"""
