// Marmot inbound processing: what nobody can open takes a bounded place, by number and by size.

import { expect, test } from "vitest"
import { worldOf } from "./engine.fixture.ts"
import { sealGroupEvent } from "./group-event.ts"
import { summary } from "./group-view.ts"
import { MAX_UNOPENED_SIZE } from "./limits.ts"

test("large events that nothing opens are refused when they are too much together", async () => {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  const [route] = summary(bo.group).routes
  const large = new Uint8Array(MAX_UNOPENED_SIZE / 4)
  const junk = () =>
    sealGroupEvent({
      key: world.random(32),
      message: large,
      nostrGroupId: route?.nostrGroupId ?? "",
      createdAt: world.seconds,
      random: world.random,
    })
  const dispositions: string[] = []
  for (let i = 0; i < 4; i++) dispositions.push(await bo.receive(junk()))
  // A third more in base64: two find room, not three.
  expect(dispositions).toEqual([
    "transport_deferred",
    "transport_deferred",
    "resource_refused",
    "resource_refused",
  ])
  expect(bo.group.unopened.size).toBe(2)

  await ada.say("as if nothing had happened")
  await world.settle()
  expect(bo.messages).toEqual(["as if nothing had happened"])
})
