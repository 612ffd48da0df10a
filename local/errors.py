"""What stops the local stack, said in words that name the way out."""


class LocalStackError(Exception):
    """The stack cannot start or go on; the text says why and what to do."""
