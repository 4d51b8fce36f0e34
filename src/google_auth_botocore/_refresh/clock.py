"""The clock: wall time, elapsed time and sleep, in seconds."""

from typing import NamedTuple, Protocol

# The year 5138, in seconds since the epoch. A later time from a server is a mistake, and datetime ends with the year 9999.
LAST_SECOND = 1e11


class Moment(NamedTuple):
    """One reading of both clocks, in seconds.

    The wall clock can be set, and the monotonic clock stands still while a virtual machine is suspended. A token has expired
    as soon as it has expired by either of them.

    Attributes:
        wall: Seconds since the epoch.
        monotonic: Seconds since an arbitrary start.
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
        """Return whether the other moment has come according to either clock."""
        return self.wall >= other.wall or self.monotonic >= other.monotonic


class Clock(Protocol):
    """What the package requires of a clock. The `time` module provides it, and tests pass a fake one."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
