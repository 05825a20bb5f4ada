"""The I/O around each stage: the same functions run in a child process and in a thread."""
