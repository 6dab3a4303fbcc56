// Marmot routing (marmot-wire §6.5): where events of a group may come in.

import type { GroupState } from "../mls/index.ts"
import type { MarmotGroup } from "./engine-types.ts"
import { type Route, routeKey, routeOf } from "./group-facts.ts"

/**
 * The address of `state`, the canonical one, and those of before; those of branches that may yet be selected, since what
 * is written on them counts when they are weighed, and some members may know of no other branch; and while stored history
 * is read, those that the reading has passed. Each once, the most likely first.
 */
export function routesOf(group: MarmotGroup, state: GroupState | undefined): readonly Route[] {
  const retained = [...group.states.values()].reverse()
  const passed = [...(group.reading?.passed.values() ?? [])].reverse()
  const others = [...retained, ...passed].flatMap(({ mls }) => mls ?? [])
  const current = state === undefined ? [] : [routeOf(state)]
  const routes = [...current, ...group.priorRoutes, ...others.map(routeOf)]
  return [
    ...new Map(
      routes.map((route) => [
        routeKey(route),
        { nostrGroupId: route.nostrGroupId, relays: route.relays },
      ]),
    ).values(),
  ]
}
