"""Text cut where a sign stands outside of all brackets."""

from pipeline.errors import ConfigError


def split_outside(text: str, sign: str, at_most: int | None = None) -> list[str]:
    """Cut text at each sign outside of brackets; the pieces are stripped.

    Args:
        text: to cut.
        sign: one character.
        at_most: cuts, from the left; None is all.

    Raises:
        ConfigError: brackets do not match.
    """
    pieces: list[str] = []
    depth, begin = 0, 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
        if character == sign and depth == 0 and len(pieces) != at_most:
            pieces.append(text[begin:index].strip())
            begin = index + 1
    if depth != 0:
        raise ConfigError(f"perturb: expected as many ( as ), each closed again, got {text!r}")
    return [*pieces, text[begin:].strip()]
