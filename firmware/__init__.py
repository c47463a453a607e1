"""The locker's mind: it decides who may open which cell, and knows no wire, no pin, no simulator."""

__version__ = "0.1.0"
