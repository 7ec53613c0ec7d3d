"""Every event, provoked: one record, one call of each hook, and exactly these fields."""

from __future__ import annotations

import pytest

from sentri.happenings import EVENT_HOOKS, HAPPENINGS
from tests.events.provoking import SCENARIOS, told_of
from tests.keys.test_kept_keys import eventually


@pytest.mark.parametrize(("name", "case"), SCENARIOS)
async def test_is_told_once(start, name, case):
    scenario, options = SCENARIOS[name, case]
    world = await start(**options)
    expected = await scenario(world)

    async def told():
        return any(told_of(event, expected) for event in world.watch.named(name))

    await eventually(told, within=5)
    [event] = [event for event in world.watch.named(name) if told_of(event, expected)]
    assert event.to_dict() == {"event": name, "at": event.at, **expected}
    assert event.at <= world.clock()
    world.watch.assert_told_once(event)
    hook = HAPPENINGS[name].hook
    if hook not in EVENT_HOOKS:
        assert [call[0] for call in world.watch.calls].count(hook) == 1
