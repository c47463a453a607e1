"""OpenCV, set up before it is loaded. The only importer of cv2 in hal."""

import os

# Read by OpenCV when it is loaded, and by its FFmpeg with the first stream: else that writes a line a second while a camera is away.
# What goes wrong is told by an exception, once. Whoever looks for a fault may set them otherwise.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET

import cv2

__all__ = ["cv2"]

cv2.setNumThreads(
    1
)  # the other cores belong to the locker; and the same frame is decoded the same way everywhere
