"""placeholder."""


HELP = "doctor"


def configure(parser):
    pass


def execute(args):
    return 0
