"""placeholder."""


HELP = "demo"


def configure(parser):
    pass


def execute(args):
    return 0
