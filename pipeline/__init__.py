"""The running system of DART Stream: readers, hub, workers, sinks and monitor."""
