"""placeholder."""


HELP = "bench"


def configure(parser):
    pass


def execute(args):
    return 0
