"""CNTK 2.7, the library of the original: its own interpreter (Python 3.6), and the program that runs there."""
