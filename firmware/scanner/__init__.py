"""The scanner's process: what is held before the camera, and what a barcode scanner on a serial line sends."""
