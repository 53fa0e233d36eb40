"""What a kernel asks of the memory, instruction by instruction: sectors of 32 bytes, wavefronts of 32 banks."""

from __future__ import annotations

from typing import NamedTuple


class Traffic(NamedTuple):
    """One load or store: how often a warp made it, what it moved, and what it could have moved at the least."""

    instruction: str
    requests: int
    transactions: int
    fewest: int

    @property
    def ratio(self) -> float:
        """1 is perfect; a warp that reads a column of a row-major matrix comes to 8."""
        return self.transactions / max(self.fewest, 1)

    def __str__(self) -> str:
        return (
            f"{self.instruction}: {self.requests} requests, {self.transactions} transactions, {self.fewest} at the "
            f"least, x{self.ratio:.2f}"
        )
