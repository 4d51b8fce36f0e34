"""The one clock of the package: wall time, elapsed time and sleep, so that tests can stand in for all three."""

import time
from typing import NamedTuple, Protocol

# The year 5138, in seconds since the epoch: what is later, whoever says it, is a mistake, and datetime ends soon after.
LAST_SECOND = 1e11


class Moment(NamedTuple):
    """One reading of both clocks, in seconds.

    The wall clock may be set, and the monotonic one stands still while a virtual machine is frozen:
    a token has expired as soon as either of them says so.
    """

    wall: float
    monotonic: float

    def after(self, seconds: float) -> "Moment":
        """The moment so many seconds later."""
        return Moment(self.wall + seconds, self.monotonic + seconds)

    def reached(self, other: "Moment") -> bool:
        """Whether either clock says that it is not before the other moment."""
        return self.wall >= other.wall or self.monotonic >= other.monotonic


class Clock(Protocol):
    """What the package asks of a clock. Seconds, as `time.time`, `time.monotonic` and `time.sleep` have them."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class SystemClock:
    """The machine's clock."""

    # Looked up at each call, so that a test that patches the time module is seen.
    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        time.sleep(seconds)


def read(clock: Clock) -> "Moment":
    """Reads both clocks."""
    return Moment(clock.time(), clock.monotonic())
