"""An AWS of the tests' own, in memory: what this code base uses of it, and no more.

It is quick, atomic under threads, and its cost does not grow with what is stored. Whatever it does
not know it refuses loudly. ``tests/integration/test_fast_table.py`` holds the table against
ministack.
"""
