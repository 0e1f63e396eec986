"""The closed set of errors: every failure an operator can meet is a named class with a sentence to act on.

A subclass carries `code` (stable, for logs and API), `fr` and `en` (format strings over the facts given to
the constructor; each says what happened and what to do). The set is collected at class creation, so a test
can walk all of it, and an error without both sentences cannot be defined.
"""

from typing import ClassVar, Literal

Language = Literal["fr", "en"]
Fact = str | int | float


class ApplianceError(Exception):
    """Base of all named errors. Facts must never hold a secret: they are logged and shown."""

    code: ClassVar[str] = "error"
    fr: ClassVar[str] = "Erreur."
    en: ClassVar[str] = "Error."
    registry: ClassVar[dict[str, type["ApplianceError"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in ("code", "fr", "en"):
            if name not in cls.__dict__:
                raise TypeError(f"{cls.__name__} has no {name}")
        known = ApplianceError.registry.setdefault(cls.code, cls)
        if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
            raise TypeError(f"{cls.__name__} and {known.__name__} share the code {cls.code}")

    def __init__(self, **facts: Fact) -> None:
        self.facts = facts
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """What happened and what to do, in the operator's language."""
        return (self.fr if language == "fr" else self.en).format(**self.facts)
