// Marmot group messaging §4: the cache of standalone proposals, and who may fill it.

import { expect, test } from "vitest"
import { createCommit } from "../mls/index.ts"
import { encodeGroupProfile } from "./components/group-profile.ts"
import { craftProposal, sealed } from "./crafted.fixture.ts"
import { stateOf, worldOf } from "./engine.fixture.ts"
import { replaceComponent } from "./local-commit.ts"
import { componentIds } from "./registry.ts"
import { mlsContext } from "./transition.ts"

test("one leaf can't take all room for proposals, and a Commit gets the one that it names", async () => {
  const { world, people } = await worldOf(["ada", "bo"])
  const [ada, bo] = people
  const crafted = []
  for (let i = 0; i < 20; i++) {
    const profile = encodeGroupProfile({ name: `name ${i}`, description: "" })
    crafted.push(await craftProposal(ada, replaceComponent(componentIds.groupProfile, profile)))
  }
  const verdicts = []
  for (const { event } of crafted) verdicts.push(await bo.receive(event))
  expect(verdicts.slice(0, 16)).toEqual(Array(16).fill("deferred"))
  expect(verdicts.slice(16)).toEqual(Array(4).fill("resource_refused"))
  expect(bo.group.refetchSince).toBe(world.seconds)

  const last = crafted.at(-1)
  if (last === undefined) throw new Error("nothing crafted")
  const state = { ...stateOf(ada), proposals: last.state.proposals }
  const { commit } = await createCommit(mlsContext(world.env), state, { proposalRefs: [last.ref] })
  expect(await bo.receive(sealed(ada, commit))).toBe("deferred")
  expect(bo.group.deferred.size).toBe(1)
  expect(await bo.receive(last.event)).toBe("deferred")
  expect(bo.group.deferred.size).toBe(0)
  await world.pass(1_000)
  expect(bo.title).toBe("name 19")
})
