"""What the names of metrics say of them."""

from __future__ import annotations

RISING = ("accuracy", "top5", "exact_match")
FALLING = ("loss", "rmse", "mae", "perplexity", "bits_per_char", "cer")


def rises(metric: str) -> bool:
    """Whether more of this metric is better."""
    return metric.endswith(RISING)


def better(metric: str, a: object, b: object) -> str | None:
    """Which of two values is better, "a" or "b"; None where they are alike, or nobody can say."""
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)) or a == b:
        return None
    if rises(metric):
        return "a" if a > b else "b"
    return ("a" if a < b else "b") if metric.endswith(FALLING) else None
