"""Operations: what several APIs can do, so that one can stand in for another.

A provider names those it has: `operations = {"send-email": AcmeMail()}`. When a fallback's provider is
another one and both have an operation, the request is read by the first and written by the second, and its
answer the other way round. What the other cannot say is Untranslatable: it is not sent, and that is told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from .config import Call

if TYPE_CHECKING:
    from .config import Fallback

Meant = TypeVar("Meant")
"""What a request means, in no API's words: a frozen dataclass of the operation."""


class Untranslatable(Exception):
    """What one API says and the other cannot, in words: "attachments by URL"."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as one API has it; `target` is the raw path and query."""

    method: str
    target: str
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success as one API has it."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    fields: tuple[tuple[str, str], ...] = ()


class Operation(ABC, Generic[Meant]):
    """One thing that several APIs do, as one of them does it."""

    calls: ClassVar[tuple[str, ...]]
    """The calls of this API that are it: `("POST /v3/mail/send",)`."""
    repeatable: ClassVar[bool] = False
    """Whether it does no harm when both APIs do it: a question does none, a second e-mail does."""
    example: ClassVar[Request]
    """A request that uses what every API of the operation can say; the conformance kit translates it."""

    def means(self, method: str, path: str) -> bool:
        """Whether a request is this operation."""
        return any(Call.parse(call).matches(method, path) for call in self.calls)

    @abstractmethod
    def read(self, request: Request) -> Meant:
        """Say what a request means. Untranslatable for what means nothing elsewhere; ValueError."""

    @abstractmethod
    def write(self, meant: Meant) -> Request:
        """Say it to this API. Untranslatable for what this API has no words for."""

    def result(self, answer: Answer) -> Any:
        """Give what this API's success says, for `answer` of another; not asked where answers are alike."""
        return None

    def answer(self, result: Any) -> Answer | None:
        """Write a success of another API as this one would; None: answers are alike, and pass unchanged."""
        return None

    def adapt(self, meant: Meant, fallback: Fallback) -> Meant:
        """Change what the file wants changed for a fallback: the name of a model, say."""
        return meant
