"""`import nncore.as_keras`: from here on, in this process, Keras is nncore.

As the first import of a script it makes `import keras`, `from tensorflow import keras`
and their like mean nncore. `python -m nncore script.py` does the same without a change
to the script. What nncore does not have is an ImportError or AttributeError that says
so; of TensorFlow there are `keras`, `random.set_seed` and `__version__`.
"""

from . import _stand_in

_stand_in.install()
