"""The page for people: a cabinet to touch, the kiosk beside it, everybody's phone, and the journal as it grows.

`messages` is the language of its one WebSocket, `scene` what is seen and done, `server` what carries it to the pages.
"""
