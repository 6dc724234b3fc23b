"""A piece of a message being written, as coordinators pass it on. Never stored: the whole message replaces it."""

from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from callboard.domain.ids import RUN, SESSION
from callboard.domain.text import MAX_INTEGER

MAX_KEY: Final = 100
MAX_TEXT: Final = 65_536

_ID_END: Final = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
_SessionId = Annotated[str, Meta(pattern=f"^{SESSION}{_ID_END}")]
_RunId = Annotated[str, Meta(pattern=f"^{RUN}{_ID_END}")]
_Number = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class Piece(Struct, frozen=True, forbid_unknown_fields=True):
    """Some characters of a message; `offset` counts those before them."""

    session_id: _SessionId
    root_session_id: _SessionId
    run_id: _RunId
    attempt: _Number
    message_key: Annotated[str, Meta(max_length=MAX_KEY)]
    offset: _Number
    text: Annotated[str, Meta(max_length=MAX_TEXT)]

    @property
    def end(self) -> int:
        """The offset of what follows."""
        return self.offset + len(self.text)

    @property
    def message(self) -> tuple[str, int, str]:
        """Of which message it is a piece."""
        return self.run_id, self.attempt, self.message_key

    def cut(self, first: int, last: int) -> "Piece":
        """What of it lies between two offsets."""
        text = self.text[max(0, first - self.offset) : last - self.offset]
        return structs.replace(self, offset=max(first, self.offset), text=text)

    def joined(self, following: "Piece") -> "Piece":
        """This and the one that begins where it ends."""
        return structs.replace(self, text=self.text + following.text)
