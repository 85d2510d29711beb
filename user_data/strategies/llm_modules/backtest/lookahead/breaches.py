"""What a proof found to be wrong."""

from dataclasses import dataclass
from typing import Literal

# (a) contexts, (b) whole runs, (c) memory, (d) fills and values.
Proof = Literal["a", "b", "c", "d"]


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that knew what it could not: which proof found it, and where it is."""

    proof: Proof
    text: str


class Breaches:
    """Keeps the first breach of each proof: what follows from it is no news."""

    def __init__(self) -> None:
        self._first: dict[Proof, Breach] = {}

    def add(self, proof: Proof, text: str) -> None:
        """Keep a breach unless the same proof has found one before."""
        self._first.setdefault(proof, Breach(proof, text))

    def of(self, proof: Proof) -> Breach | None:
        """Return the first breach of a proof, None where it holds."""
        return self._first.get(proof)
