"""A rail of one's own, whole: the rail, a double of its bank, and the bench that proves it.

Run it from the folder above `examples`:

    python -m pytest --pyargs roadstead.contract.rail --rail examples.own_rail.bench:open_bench
"""
