"""How each fault of the catalogue happens: to matter, wire, power, disk, clock, network, kiosk, and by people.

A strike draws all its chance from its own generator, calls `fired` when it takes effect, and returns when it is over.
"""
