"""Serve a clip as an RTSP camera until killed: every client sees it from the start.

Needs GStreamer and its RTSP server for the system's own Python, not for this project's
(Debian: gstreamer1.0-rtsp, gstreamer1.0-plugins-{base,good,bad}, python3-gi,
gir1.2-gst-rtsp-server-1.0):

    /usr/bin/python3 tools/rtsp_server.py 8554 CLIP.mp4     # rtsp://127.0.0.1:8554/cam
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  # the version comes first


def main() -> None:
    """Say `ready` once clients may come."""
    port, clip = sys.argv[1:3]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{clip}" ! qtdemux ! h264parse ! '
        "rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"port {port}: cannot be listened on")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
