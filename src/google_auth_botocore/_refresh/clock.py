"""The clock: wall time, elapsed time and sleep, in seconds."""

from typing import NamedTuple, Protocol

# The year 5138, in seconds since the epoch. A later time from a server is a mistake, and datetime cannot represent it much longer.
LAST_SECOND = 1e11


class Moment(NamedTuple):
    """One reading of both clocks, in seconds.

    The wall clock can be set, and the monotonic one stands still while a virtual machine is suspended. A token has expired
    as soon as either of them says so.
    """

    wall: float
    monotonic: float

    @classmethod
    def now(cls, clock: "Clock") -> "Moment":
        """Read both clocks."""
        return cls(clock.time(), clock.monotonic())

    def after(self, seconds: float) -> "Moment":
        """Return the moment that many seconds later."""
        return Moment(self.wall + seconds, self.monotonic + seconds)

    def reached(self, other: "Moment") -> bool:
        """Return whether the other moment has come, by either clock."""
        return self.wall >= other.wall or self.monotonic >= other.monotonic


class Clock(Protocol):
    """What the package requires of a clock. The `time` module is one; tests pass a fake one."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
