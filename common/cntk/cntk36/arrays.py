"""Arrays by name in .npz files, without pickles. Names stand beside them: a .npz would make files of them."""

import os

import numpy as np


def read(path, names):
    """Return name -> array and remove the file."""
    with np.load(path, allow_pickle=False) as found:
        arrays = {name: found["arr_%d" % number] for number, name in enumerate(names)}
    os.unlink(path)
    return arrays


def write(path, arrays):
    """Write arrays and return their names in order."""
    with open(path, "wb") as file:
        np.savez(file, *arrays.values())
    return list(arrays)
