"""Numbers of things, in words."""


def counted(n: int, one: str) -> str:
    """Say how many there are: 1 trade, 2 trades."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {one}s"
