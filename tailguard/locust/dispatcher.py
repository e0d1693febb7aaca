"""Which of locust's users are started."""

from collections.abc import Callable, Sequence

from locust import User
from locust.dispatch import UsersDispatcher

Playable = Callable[[Sequence[type[User]]], list[type[User]]]


def dispatcher_of(playable: Playable) -> type[UsersDispatcher]:
    """Return what dispatches the users that can be played: which ones is known only once a run has begun."""

    class PlayableDispatcher(UsersDispatcher):
        def new_dispatch(
            self, target_user_count: int, spawn_rate: float, user_classes: list[type[User]] | None = None
        ) -> None:
            """Dispatch users of the given classes or, if locust gives none, of all."""
            chosen = self._original_user_classes if user_classes is None else user_classes
            super().new_dispatch(target_user_count, spawn_rate, playable(chosen))

    return PlayableDispatcher
