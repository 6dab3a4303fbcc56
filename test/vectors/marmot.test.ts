// Marmot conformance (behaviour §14): every scenario of the reference's suite, run by our engine.

import { describe, expect, test } from "vitest"
import { compareOutcomes } from "../conformance/outcomes.ts"
import { judge, obstacleOf, runFixture, traceOf } from "../conformance/run.ts"
import { type Fixture, type Outcome, parseFixture } from "../conformance/scenario.ts"
import { sharedFiles, withShared } from "../shared.ts"

const FOLDER = "vectors/marmot"
/** Not scenarios. */
const OTHERS = [`${FOLDER}/manifest.v1.json`, `${FOLDER}/policy_cases.json`]
/** Named, so that a missing folder is noticed. */
const SMOKE = `${FOLDER}/conversation.v1.json`

const files = new Set([
  SMOKE,
  ...sharedFiles(FOLDER).filter((file) => !OTHERS.includes(file)),
  ...sharedFiles(`${FOLDER}/incidents`),
  ...sharedFiles(`${FOLDER}/generated-inputs`),
])

for (const file of files) {
  withShared(file, (json) => {
    const title = file.slice(FOLDER.length + 1)
    const fixture = parseFixture(json)
    const obstacle = obstacleOf(fixture)
    if (obstacle !== undefined) {
      test.skip(`${title}: ${obstacle}`, () => undefined)
      return
    }
    describe(title, () => {
      test("is as expected", async () => {
        expect(await runFixture(json)).toEqual([])
      })

      test("is as expected when every client restarts after every step", async () => {
        expect(judge(fixture, await traceOf(fixture, { reloads: true }))).toEqual([])
      })

      test("is as expected with other keys and other random numbers", async () => {
        for (const seed of [1, 2]) {
          const other = { ...fixture, seed }
          expect(judge(other, await traceOf(other))).toEqual([])
        }
      })

      test("would not be as expected if it were otherwise", async () => {
        const trace = await traceOf(fixture)
        const otherwise = fixture.outcomes.flatMap(falsified)
        const held = otherwise.filter((outcome) => compareOutcomes([outcome], trace).length === 0)
        expect(held).toEqual([])
        if (fixture.trace !== undefined) {
          expect(judge({ ...fixture, trace: falsifiedTrace(fixture) }, trace)).not.toEqual([])
        }
      })
    })
  })
}

/** An outcome that must not hold where `outcome` does; none where nothing can be changed. */
function falsified(outcome: Outcome): Outcome[] {
  switch (outcome.type) {
    case "pending_resolution":
      return [{ ...outcome, resolution: `not ${outcome.resolution}` }]
    case "expected_error":
      return [{ ...outcome, error: `not ${outcome.error}` }]
    case "admin_policy":
      return [{ ...outcome, admins: [...outcome.admins, "nobody"] }]
    case "client_state":
      return [
        { ...outcome, epoch: outcome.epoch + 1 },
        { ...outcome, member_count: outcome.member_count + 1 },
        { ...outcome, received_payloads: [...(outcome.received_payloads ?? []), "never said"] },
        { ...outcome, removed_members: [...(outcome.removed_members ?? []), "nobody"] },
      ]
    case "group_profile":
      return [
        { ...outcome, name: `not ${outcome.name}` },
        { ...outcome, description: `not ${outcome.description}` },
      ]
    case "clients_converged":
      return [{ ...outcome, epoch: 99 }]
    case "clients_exactly_equivalent":
      return [{ ...outcome, type: "clients_not_equivalent", reason: "falsified" }]
    case "clients_bidirectionally_decryptable":
    case "no_pending_work":
      return [{ ...outcome, clients: [...outcome.clients, "nobody"] }]
    case "client_epoch_changes":
      return [{ ...outcome, changes: [...outcome.changes, { from: 98, to: 99 }] }]
    case "convergence_decision":
      return [
        { ...outcome, selected_tip_epoch: 99 },
        { ...outcome, decisive_rule: "none" },
        { ...outcome, min_app_witness_score: 99 },
      ]
    case "application_payload_multiset":
      return [{ ...outcome, payloads: [...outcome.payloads, "never said"] }]
    case "clients_not_equivalent":
    case "scenario_input_ledger":
    case "no_pending_work_except_retained_join_commit":
      return []
  }
}

function falsifiedTrace({ trace }: Fixture): unknown {
  const text = JSON.stringify(trace)
  return JSON.parse(text.replace(/"epoch":(\d+)/, '"epoch":99')) as unknown
}
