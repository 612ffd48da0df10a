"""The sweeper as its function runs it: with its role."""

from dispatch.timers import sweeper
from tests.roles import guarded

sweep = guarded("timers/sweeper", sweeper.sweep)
