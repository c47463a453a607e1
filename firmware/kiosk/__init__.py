"""The face at the screen: a web server on loopback, and the one page it serves."""
